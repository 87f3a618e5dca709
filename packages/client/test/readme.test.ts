/**
 * The README's examples are true: each call with one URL, in a line or in a block, is read out of
 * the text, made, and compared with what the text says that it gives.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { getProxiedImageUrl, imageIdFromUrl, isProxiedImageUrl } from "../src/index.js";

const functions = { getProxiedImageUrl, imageIdFromUrl, isProxiedImageUrl };

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const inline = readme.matchAll(/`(\w+)\(("[^`]*")\)` is `([^`]*)`/g);
const block = readme.matchAll(/^(\w+)\((".*")\);\n\/\/ (.*)$/gm);
const examples = [...inline, ...block].map(([, name, url, result]) => ({ name, url, result }));

it.each(examples)("$name($url) is $result", ({ name, url, result }) => {
  expect(functions[name as keyof typeof functions](JSON.parse(url ?? ""))).toEqual(
    JSON.parse(result ?? ""),
  );
});

it("there are examples of each function of a URL", () => {
  expect(new Set(examples.map(({ name }) => name))).toEqual(new Set(Object.keys(functions)));
});
