/**
 * Reads the golden files of `contract/`, and holds them against `src/types.ts` with the compiler: a
 * JSON value written out as a literal must fit its type, and must have no key that the type lacks.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import ts from "typescript";

// Paths, for in a test with a page URL is the page's.
const CONTRACT = resolve(import.meta.dirname, "../../../contract");
const PROBE = resolve(import.meta.dirname, "probe.ts");

/** The cases of a golden file. */
export function readCases<T>(noun: string): T[] {
  return JSON.parse(readFileSync(resolve(CONTRACT, `${noun}.json`), "utf8"));
}

/** What the compiler says of each value as a literal of the type of that name; empty if all fit. */
export function typeErrors(values: { type: string; value: unknown }[]): string[] {
  const lines = values.map(
    ({ type, value }) => `(${JSON.stringify(value)}) satisfies wire.${type};`,
  );
  return compile(['import type * as wire from "../src/types.js";', ...lines].join("\n"));
}

// The compiler's own libraries are parsed once for all programs.
const parsed = new Map<string, ts.SourceFile | undefined>();

function compile(source: string): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === PROBE || fileExists(name);
  host.getSourceFile = (name, target) => {
    if (name === PROBE) return ts.createSourceFile(name, source, target);
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, target));
    return parsed.get(name);
  };
  const program = ts.createProgram([PROBE], options, host);
  const probe = program.getSourceFile(PROBE);
  return [...program.getSyntacticDiagnostics(probe), ...program.getSemanticDiagnostics(probe)].map(
    (diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"),
  );
}
