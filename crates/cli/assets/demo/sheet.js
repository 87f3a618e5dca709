// The sheet: numbered frames of film on which prints develop.
//
// Called by demo.js, which says what happened; this module alone knows how a frame looks in each state:
// blank, pending (a concept still to come), placeholder, ready, failed. A frame never leaves once it is there, it only
// goes blank, so that nothing on the page ever moves. Makes no request but the image's own.

import { formatBytes, formatMs } from './words.js';

const FIRST_FRAMES = 8;
const film = document.getElementById('film');
const template = document.getElementById('frame-template');
const frames = [];

/** Lays out the blank film. `onOpen(frame)` is called when a print is chosen. */
export function layFilm(onOpen) {
  film.addEventListener('click', (event) => {
    const frame = frames.find(({ element }) => element.contains(event.target.closest('.print')));
    if (frame?.image) onOpen(frame);
  });
  for (let i = 0; i < FIRST_FRAMES; i += 1) addFrame();
}

/** The frames that hold an image, in order. */
export const prints = () => frames.filter(({ image }) => image);

/** The frame of an image, by its id or its URL's path. */
export const findPrint = (key) => prints().find(({ image }) => image.id === key || image.url === key);

/** Keeps a frame for each concept of a job that is still to come, unless it has one; answers with the first one kept. */
export function reserve(job, { total, arrived }) {
  const kept = [];
  for (let index = 0; index < total; index += 1) {
    if (arrived.has(index) || frames.some((frame) => frame.job === job && frame.index === index)) continue;
    const frame = blankFrame(job);
    Object.assign(frame, { job, index });
    setState(frame, 'pending');
    kept.push(frame);
  }
  return kept[0];
}

/** Puts an image on its frame: the placeholder at once, the picture when it has loaded. */
export function develop(image, job, index) {
  const known = findPrint(image.id);
  const reserved = frames.find((frame) => !frame.image && job && frame.job === job && frame.index === index);
  if (known) {
    Object.assign(known, { job, index });
    if (reserved) clear(reserved);
    return;
  }
  const frame = reserved ?? blankFrame(job);
  Object.assign(frame, { image, job, index });
  fillIn(frame);
  setState(frame, 'placeholder');
  frame.picture.src = image.url;
}

/** Says on its frame that a concept could not be made. */
export function spoil(job, index, message) {
  const reserved = frames.find((frame) => frame.job === job && frame.index === index);
  const frame = Object.assign(reserved ?? blankFrame(job), { job, index });
  frame.part('.mishap').textContent = message;
  frame.part('.title').textContent = 'Not made';
  setState(frame, 'failed');
}

/** Takes an image off its frame. */
export function lift(id) {
  const frame = findPrint(id);
  if (frame) clear(frame);
}

/** Gives back the frames that a finished job kept and did not use. */
export function settle(job) {
  for (const frame of frames) if (frame.job === job && frame.state === 'pending') clear(frame);
}

/** Dims a print, loads its bytes again with `load(url)`, and lets it develop anew. */
export async function redevelop(frame, load) {
  const { picture, image } = frame;
  setState(frame, 'placeholder');
  try {
    const blob = await load(image.url);
    if (frame.image !== image) return;
    releaseBlob(frame);
    frame.blobUrl = URL.createObjectURL(blob);
    picture.src = frame.blobUrl;
    await picture.decode().catch(() => {}); // the picture's own error event tells
  } finally {
    if (frame.image === image && frame.state === 'placeholder') setState(frame, 'ready');
  }
}

/** Writes under a print who answered for it, and how fast. */
export function noteAnswer(frame, answer) {
  frame.answer = answer;
  frame.element.dataset.tier = answer.tier;
  frame.part('.tier').textContent = answer.label;
  frame.part('.edge-time').textContent = answer.edgeMs === null ? 'no request' : formatMs(answer.edgeMs);
  if (answer.tier === 'unknown') frame.part('.edge-time').textContent = '';
  frame.part('.seen-label').textContent = 'browser saw';
  frame.part('.seen-time').textContent = formatMs(answer.totalMs);
}

function addFrame() {
  const element = template.content.firstElementChild.cloneNode(true);
  const frame = { element, part: (selector) => element.querySelector(selector), state: 'blank', answer: null };
  frame.picture = frame.part('.picture');
  frame.picture.addEventListener('load', () => frame.image && setState(frame, 'ready'));
  frame.picture.addEventListener('error', () => frame.image && showBroken(frame));
  frames.push(frame);
  frame.part('.number').textContent = frames.length;
  setState(frame, 'blank');
  film.append(element);
  return frame;
}

/** The first frame with nothing on it, or with nothing but another job's failure. */
function blankFrame(job) {
  const free = (frame) => frame.state === 'blank' || (frame.state === 'failed' && !frame.image && frame.job !== job);
  return frames.find(free) ?? addFrame();
}

function fillIn(frame) {
  const { image, part } = frame;
  const title = image.title ?? image.id;
  part('.title').textContent = title;
  part('.style').textContent = image.style ?? 'print';
  part('.size').textContent = `${formatBytes(image.bytes)} ${image.format}`;
  part('.placeholder').src = image.placeholder.data_url;
  part('.window').style.backgroundColor = image.placeholder.color;
  part('.tier').textContent = 'on its way';
  frame.picture.alt = title;
  const size = formatBytes(image.bytes);
  part('.print').setAttribute('aria-label', `Open ${title}, ${image.style ?? 'no style'}, ${size}`);
}

function setState(frame, state) {
  const { element, part } = frame;
  const shown = state === 'placeholder' || state === 'ready';
  frame.state = state;
  element.dataset.state = state;
  if (state === 'blank') element.setAttribute('aria-hidden', 'true');
  else element.removeAttribute('aria-hidden');
  part('.print').disabled = !frame.image;
  part('.placeholder').hidden = !shown;
  frame.picture.hidden = !shown;
  if (state !== 'pending') return;
  part('.title').textContent = 'Still to come';
  part('.tier').textContent = 'generating';
}

function showBroken(frame) {
  frame.part('.mishap').textContent = 'This picture could not be loaded.';
  frame.part('.tier').textContent = 'no answer';
  setState(frame, 'failed');
}

function clear(frame) {
  releaseBlob(frame);
  Object.assign(frame, { image: null, job: null, index: null, answer: null });
  delete frame.element.dataset.tier;
  for (const words of ['.style', '.size', '.title', '.tier', '.edge-time', '.seen-label', '.seen-time', '.mishap']) {
    frame.part(words).textContent = '';
  }
  for (const img of [frame.picture, frame.part('.placeholder')]) img.removeAttribute('src');
  frame.part('.window').style.backgroundColor = '';
  frame.part('.print').removeAttribute('aria-label');
  setState(frame, 'blank');
}

function releaseBlob(frame) {
  if (frame.blobUrl) URL.revokeObjectURL(frame.blobUrl);
  frame.blobUrl = null;
}
