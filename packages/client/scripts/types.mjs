/**
 * Makes `src/types.ts` of `contract/` at the project's root: the golden files say which fields there
 * are, of which kind, and which may be absent or null; `contract/types.json` gives them their names,
 * their closed sets and their words.
 *
 *     node scripts/types.mjs            writes src/types.ts
 *     node scripts/types.mjs --check    fails where it is not what would be written
 *
 * 1. Collect the golden values of each named type, from the files down through the fields.
 * 2. Infer each field: kind, null, absence. A field without an entry in types.json is an error, and
 *    so is an entry without a golden value, or a value outside of its closed set.
 * 3. Print.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CONTRACT = new URL("../../../contract/", import.meta.url);
const TARGET = fileURLToPath(new URL("../src/types.ts", import.meta.url));
const BIOME = fileURLToPath(new URL("../node_modules/.bin/biome", import.meta.url));

const read = (file) => JSON.parse(readFileSync(new URL(`${file}.json`, CONTRACT), "utf8"));
const { sets, types } = read("types");

/** All members of a closed set, those of the set that it includes too. */
function membersOf(name) {
  const { values, with: included } = sets[name];
  return included ? [...membersOf(included), ...values] : values;
}

/** The golden values of each type, by its name. */
function collect() {
  const samples = new Map(Object.keys(types).map((name) => [name, []]));
  const add = (name, value) => {
    const { omit, fields } = types[name];
    if (omit) return add(omit[0], value);
    samples.get(name).push(value);
    for (const [key, { type }] of Object.entries(fields)) {
      if (!(type in types)) continue;
      for (const part of [value[key]].flat()) if (part != null) add(type, part);
    }
  };
  for (const [name, { file, event }] of Object.entries(types)) {
    if (file) for (const { json } of read(file)) add(name, json);
    for (const golden of event ? read("events") : []) {
      if (golden.event === event) add(name, golden.data);
    }
  }
  return samples;
}

/** One field as a line of TypeScript. */
function fieldOf(owner, key, { doc, type }, samples) {
  const where = `${owner}.${key}`;
  const present = samples.filter((sample) => key in sample).map((sample) => sample[key]);
  if (present.length === 0) throw new Error(`no golden value has ${where}`);
  const optional = present.length < samples.length ? "?" : "";
  const known = present.filter((value) => value !== null);
  const parts = known.flat();
  if (type in sets) {
    const foreign = parts.find((value) => !membersOf(type).includes(value));
    if (foreign !== undefined) throw new Error(`${where} is ${foreign}, which is not in ${type}`);
  }
  const kinds = new Set(parts.map((value) => typeof value));
  if (!type && (kinds.size !== 1 || kinds.has("object"))) {
    throw new Error(`contract/types.json must name the type of ${where}`);
  }
  const kind = `${type ?? [...kinds][0]}${known.some(Array.isArray) ? "[]" : ""}`;
  const nullable = known.length < present.length ? " | null" : "";
  return `${doc ? `  /** ${doc} */\n` : ""}  ${key}${optional}: ${kind}${nullable};\n`;
}

function typeOf(name, samples) {
  const { doc, omit, fields } = types[name];
  const words = `/** ${doc} */\n`;
  if (omit) {
    const keys = omit.slice(1).map((key) => JSON.stringify(key));
    return `${words}export type ${name} = Omit<${omit[0]}, ${keys.join(" | ")}>;\n`;
  }
  for (const key of samples.flatMap(Object.keys)) {
    if (!(key in fields)) throw new Error(`contract/types.json does not know ${name}.${key}`);
  }
  const lines = Object.entries(fields).map(([key, field]) => fieldOf(name, key, field, samples));
  return `${words}export interface ${name} {\n${lines.join("")}}\n`;
}

function setOf(name) {
  const { doc, values, with: included } = sets[name];
  const members = [
    ...(included ? [included] : []),
    ...values.map((value) => JSON.stringify(value)),
  ];
  return `/** ${doc} */\nexport type ${name} = ${members.map((member) => `| ${member}`).join(" ")};\n`;
}

function events() {
  const named = Object.entries(types).filter(([, { event }]) => event);
  const told = new Set(read("events").map(({ event }) => event));
  for (const [, { event }] of named) told.delete(event);
  if (told.size) throw new Error(`contract/types.json does not know ${[...told].join(", ")}`);
  const members = named.map(([name, { event }]) => `| { event: "${event}"; data: ${name} }`);
  return `/** An event of a thread's stream: \`event\` is its name there, \`data\` its parsed JSON. */\nexport type OrbitEvent = ${members.join(" ")};\n`;
}

const HEAD = `/**
 * The wire contract as types: what the server says in metadata, lists, events, jobs, receipts and
 * problems. Made of \`contract/\` by \`npm run types\`; change it there.
 *
 * Types only: nothing of this file is left at run time.
 */
`;

function format(text) {
  const biome = spawnSync(BIOME, ["format", "--stdin-file-path=src/types.ts"], { input: text });
  if (biome.status !== 0) throw new Error(String(biome.stderr));
  return String(biome.stdout);
}

const samples = collect();
const text = format(
  [
    HEAD,
    ...Object.keys(sets).map(setOf),
    ...Object.keys(types).map((name) => typeOf(name, samples.get(name))),
    events(),
  ].join("\n"),
);
if (!process.argv.includes("--check")) writeFileSync(TARGET, text);
else if (text !== readFileSync(TARGET, "utf8")) {
  console.error("src/types.ts is not what contract/ says: npm run types");
  process.exitCode = 1;
}
