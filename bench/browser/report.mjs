// Report: from what was measured to tables, and to a file of the form that the other measurements have (bench/src/results.rs).

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import path from 'node:path';

const PROJECT = path.join(import.meta.dirname, '../..');

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three digits, as the other tables have them. */
export function say(number) {
  if (number >= 100) return Math.round(number).toLocaleString('en');
  return number >= 10 ? number.toFixed(1) : String(Number(number.toFixed(2)));
}

/** A table as text, its columns as wide as they must be. */
export function print({ columns, rows }) {
  const widths = columns.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at].length)));
  const line = (cells) => `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(columns), rule, ...rows.map(line)].join('\n');
}

/** Saves tables and figures as `bench/results/NAME.json`. */
export function save(name, tables, figures) {
  const git = (...args) => execFileSync('git', args, { cwd: PROJECT, encoding: 'utf8' }).trim();
  const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '-dirty';
  const cpu = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  const machine = { cpu, cores: cpus().length, memory_gib: Math.floor(totalmem() / 2 ** 30), kernel: release(), commit: git('rev-parse', '--short=12', 'HEAD') + dirty };
  const file = path.join(PROJECT, 'bench/results', `${name}.json`);
  const command = 'npm run bench, in bench/browser';
  const result = { name, date: `${new Date().toISOString().slice(0, 19)}Z`, command, machine, tables, figures };
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}
