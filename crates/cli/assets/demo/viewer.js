// The viewer: one print held up to the light, with all that is known of it.
//
// Called by demo.js. Uses the bytes that the sheet already shows, and makes no request of its own.

import { describe } from './tiers.js';
import { formatBytes } from './words.js';

const part = (name) => document.getElementById(`viewer-${name}`);
const dialog = document.getElementById('viewer');
let prints = () => [];
let current = null;

/** Connects the dialog's keys and buttons; `listPrints` tells the frames to step through. */
export function prepareViewer(listPrints) {
  prints = listPrints;
  part('prev').addEventListener('click', () => step(-1));
  part('next').addEventListener('click', () => step(1));
  part('close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => current?.part('.print').focus());
  dialog.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') step(-1);
    if (event.key === 'ArrowRight') step(1);
  });
}

/** Shows one print in large. */
export function openViewer(frame) {
  draw(frame);
  dialog.showModal();
}

/** Brings the open viewer up to date after the sheet has changed. */
export function refreshViewer() {
  if (!dialog.open) return;
  if (current.image) draw(current);
  else if (prints().length) draw(prints()[0]);
  else dialog.close();
}

function step(by) {
  const all = prints();
  const at = all.indexOf(current);
  if (all.length) draw(all[(at + by + all.length) % all.length]);
}

function draw(frame) {
  const { image, picture } = frame;
  const all = prints();
  current = frame;
  part('count').textContent = `Print ${all.indexOf(frame) + 1} of ${all.length}`;
  part('title').textContent = image.title ?? image.id;
  part('image').src = picture.src;
  part('image').alt = image.prompt ?? image.title ?? image.id;
  part('image').width = image.width;
  part('image').height = image.height;
  part('image').style.backgroundColor = image.placeholder.color;
  part('facts').replaceChildren(...facts(frame).flatMap(([name, value]) => [node('dt', name), node('dd', value)]));
  // The links stay the same elements: a focused one must not vanish, or the arrow keys would reach nobody.
  part('edge').href = image.url;
  part('origin').href = `/images/${image.id}`;
  part('meta').href = `/images/${image.id}/meta`;
  part('curl').textContent = `curl -I ${location.origin}${image.url}`;
}

function facts({ image, answer }) {
  return [
    ['answered', answer ? describe(answer) : 'not yet'],
    ['style', image.style],
    ['prompt', image.prompt],
    ['made by', image.model && `${image.model}${image.model === 'orbit-demo' ? ', a procedure' : ''}`],
    ['size', `${image.width} × ${image.height}, ${formatBytes(image.bytes)} ${image.format}`],
    ['made', new Date(image.created_at).toLocaleString()],
    ['id', image.id],
    ['digest', image.digest],
  ].filter(([, value]) => value);
}

function node(name, words) {
  const made = document.createElement(name);
  made.textContent = words;
  return made;
}
