// Before `next start`: builds the package beside the app where that has not been done, then the app, unless both are newer
// than everything they are made of. What a user's own app would not need: its package comes from the registry.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

const app = path.join(import.meta.dirname, "..");
const client = path.join(app, "../../packages/client");
const NOT_SOURCES = new Set(["node_modules", ".next", "dist", "next-env.d.ts"]);

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (NOT_SOURCES.has(entry.name) || entry.name.endsWith(".tsbuildinfo")) continue;
    const file = path.join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(file) : statSync(file).mtimeMs);
  }
  return latest;
}

function made(file) {
  return existsSync(file) ? statSync(file).mtimeMs : 0;
}

function run(folder, ...words) {
  console.log(`${path.relative(path.join(app, "../.."), folder)}: ${words.join(" ")}`);
  const { status } = spawnSync(words[0], words.slice(1), {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
  });
  if (status !== 0) process.exit(status ?? 1);
}

const library = path.join(client, "dist/index.js");
if (made(library) < newest(path.join(client, "src"))) {
  if (!existsSync(path.join(client, "node_modules"))) run(client, "npm", "ci", "--no-audit", "--no-fund");
  run(client, "npm", "run", "--silent", "build");
}
if (!existsSync(path.join(app, "node_modules/next"))) run(app, "npm", "ci", "--no-audit", "--no-fund");
// Where Orbit is gets fixed when the app is built.
const target = path.join(app, ".next/orbit-url");
const built = made(path.join(app, ".next/BUILD_ID"));
const where = process.env.ORBIT_URL ?? "http://127.0.0.1:8000";
const before = existsSync(target) ? readFileSync(target, "utf8") : null;
if (before !== where || built < Math.max(newest(app), made(library))) {
  run(app, process.execPath, "node_modules/next/dist/bin/next", "build");
  writeFileSync(target, where);
}
