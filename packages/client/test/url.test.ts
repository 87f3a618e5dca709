/**
 * URL rewriting, against the golden cases of `contract/urls.json`, then what must hold of any string,
 * then the base, which the golden cases leave at its default.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { getProxiedImageUrl, imageIdFromUrl, isProxiedImageUrl } from "../src/index.js";
import { readCases } from "./contract.js";

interface UrlCase {
  name: string;
  input: string;
  origins?: string[];
  output: string;
}

const cases = readCases<UrlCase>("urls");
const optionsOf = ({ origins }: UrlCase) => (origins ? { origins } : {});

describe("the golden cases", () => {
  it.each(cases)("$name", (urlCase) => {
    const { input, output } = urlCase;
    const options = optionsOf(urlCase);
    expect(getProxiedImageUrl(input, options)).toBe(output);
    expect(getProxiedImageUrl(output, options)).toBe(output);
    if (input === output) return;
    expect(isProxiedImageUrl(input, options)).toBe(false);
    expect(isProxiedImageUrl(output, options)).toBe(true);
    expect(imageIdFromUrl(input, options)).toBe(imageIdFromUrl(output, options));
  });
});

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
const path = fc.constantFrom("/images/", "/api/images/", "/Images/", "images/", "/");
const host = fc.constantFrom("", "http://localhost:8000", "//[::1]", "https://x.example", "/\\x");
const tail = fc.constantFrom("", ".webp", "/meta", "?w=640", "#top", "?", "%00", "\ud800", "\t");
const nearlyUrl = fc.tuple(host, path, id, tail, tail).map((parts) => parts.join(""));
const anyString = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(..."/\\:@?#%.[]ahimges- \t\n\ud800") }),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  nearlyUrl,
);
const options = fc.record(
  {
    origins: fc.array(fc.oneof(fc.constantFrom("https://x.example", "http://x"), fc.string())),
    base: fc.constantFrom("", "/", "/cdn", "/api", "/images", "https://x.example/", "http://[::1]"),
  },
  { requiredKeys: [] },
);

describe("any string", () => {
  it("is rewritten once and then stays", () => {
    fc.assert(
      fc.property(anyString, options, (url, some) => {
        const once = getProxiedImageUrl(url, some);
        expect(getProxiedImageUrl(once, some)).toBe(once);
      }),
      { numRuns: 3000 },
    );
  });

  it("keeps its image's id, or comes back unchanged", () => {
    fc.assert(
      fc.property(anyString, options, (url, some) => {
        const image = imageIdFromUrl(url, some);
        const output = getProxiedImageUrl(url, some);
        expect(imageIdFromUrl(output, some)).toBe(image);
        expect(isProxiedImageUrl(output, some)).toBe(image !== null);
        if (image === null) expect(output).toBe(url);
      }),
      { numRuns: 3000 },
    );
  });

  it("that is a valid id makes a URL that gives it back", () => {
    fc.assert(
      fc.property(id, (image) => {
        const url = getProxiedImageUrl(`http://localhost:8000/images/${image}`);
        expect(url).toBe(`/api/images/${image}`);
        expect(imageIdFromUrl(url)).toBe(image);
      }),
    );
  });
});

describe("the base", () => {
  const image = "http://localhost:8000/images/hero.webp?w=96#top";

  it.each([
    ["", "/api/images/hero?w=96"],
    ["/", "/api/images/hero?w=96"],
    ["/cdn/", "/cdn/api/images/hero?w=96"],
    ["https://edge.example", "https://edge.example/api/images/hero?w=96"],
  ])("%j goes before the path", (base, output) => {
    expect(getProxiedImageUrl(image, { base })).toBe(output);
  });

  it("also goes before the paths that the server gives", () => {
    const base = "https://edge.example";
    expect(getProxiedImageUrl("/api/images/hero", { base })).toBe(`${base}/api/images/hero`);
  });

  it("is no backend: its other paths stay", () => {
    const base = "https://edge.example";
    expect(getProxiedImageUrl(`${base}/images/hero`, { base })).toBe(`${base}/images/hero`);
  });

  it("makes its URLs count as proxied, and no other's", () => {
    const url = "https://edge.example/api/images/hero";
    expect(isProxiedImageUrl(url)).toBe(false);
    expect(isProxiedImageUrl(url, { base: "https://edge.example" })).toBe(true);
    expect(isProxiedImageUrl(url, { base: "https://edge.exam" })).toBe(false);
    expect(isProxiedImageUrl("/cdn//x.example/api/images/hero", { base: "/cdn" })).toBe(false);
  });
});
