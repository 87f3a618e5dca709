// The slip: a paper note at the edge of the table for receipts and errors, and words for screen readers.
//
// Called by demo.js. It floats above the page, so that showing it moves nothing.

import { count, formatBytes } from './words.js';

const slip = document.getElementById('slip');
const text = document.getElementById('slip-text');
document.getElementById('slip-close').addEventListener('click', () => { slip.hidden = true; });

const TIERS = {
  index: ['Index', 'row'],
  files: ['Files', 'file'],
  memory: ['Edge memory', 'entry', 'entries'],
  disk: ['Edge disk', 'entry', 'entries'],
};

/** Says in words what a purge removed, and where. */
export function showReceipt(thread, receipt) {
  const rows = receipt.removed.map(({ tier, entries, bytes }) => {
    const [name, one, many] = TIERS[tier] ?? [tier, 'entry', 'entries'];
    return [name, count(entries, one, many), bytes === undefined ? '' : formatBytes(bytes)];
  });
  const gone = receipt.missing.length ? ` ${count(receipt.missing.length, 'image')} had gone before.` : '';
  show('receipt', `Purged ${count(receipt.images.length, 'image')} of thread ${thread}.${gone}`, rows,
    'No tier of the server holds them any more. A copy in somebody’s browser lives on until it expires there.');
}

/** Says in words what went wrong, and what to do about it. */
export function showProblem(what, problem) {
  const detail = problem.advice ? asSentence(problem.message) : 'The page itself made a mistake; the console has it.';
  if (!problem.advice) console.error(problem);
  show('problem', `${what} ${detail}`, [], problem.advice ?? 'Reload the page.');
}

/** Takes the slip away. */
export function clearSlip() {
  slip.hidden = true;
}

/** Tells a screen reader something that others can see. */
export function announce(words) {
  document.getElementById('announce').textContent = words;
}

function show(kind, heading, rows, note) {
  slip.dataset.kind = kind;
  slip.hidden = false;
  const lines = rows.map((cells) => element('li', '', cells.map((cell) => element('span', cell))));
  text.replaceChildren(
    element('p', heading),
    ...(lines.length ? [element('ul', '', lines)] : []),
    element('small', note),
  );
  announce(`${heading} ${note}`); // a region that was hidden a moment ago is not read out
}

function asSentence(words) {
  return `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? '' : '.'}`;
}

function element(name, words, children = []) {
  const node = document.createElement(name);
  node.append(words, ...children);
  return node;
}
