/**
 * The last step of the build: what browsers load as one file is bundled of `dist/`, and the service
 * worker's script is put as text where `createWorkerRoute` finds it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const dist = (name) => fileURLToPath(new URL(`../dist/${name}`, import.meta.url));
const shared = { bundle: true, minify: true, target: "es2022", logLevel: "warning" };

// A classic script: every browser's service worker can be one.
await build({
  ...shared,
  format: "iife",
  entryPoints: [dist("sw/script.js")],
  outfile: dist("orbit-sw.js"),
});
await build({
  ...shared,
  format: "esm",
  entryPoints: [dist("element/script.js")],
  outfile: dist("orbit-image.js"),
});

const text = JSON.stringify(readFileSync(dist("orbit-sw.js"), "utf8"));
writeFileSync(dist("next/worker-text.js"), `export const WORKER_TEXT = ${text};\n`);
