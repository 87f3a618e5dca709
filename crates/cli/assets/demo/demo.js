// The page's one entry: reads the thread's name, then
//   1. lays out the film and loads what the thread holds,
//   2. follows the thread's events, and lets each print develop as it arrives,
//   3. notes for each picture which tier answered,
//   4. answers to the buttons.
// State that outlives one event is here; looks are in sheet.js, slip.js, viewer.js and tiers.js, requests in api.js.

import { followThread, listImages, loadImage, purgeThread, readJob, startJob } from './api.js';
import * as sheet from './sheet.js';
import { announce, clearSlip, showProblem, showReceipt } from './slip.js';
import { describe, lightTier, watchAnswers } from './tiers.js';
import { openViewer, prepareViewer, refreshViewer } from './viewer.js';
import { count, formatBytes, makeConcepts } from './words.js';

const PARALLEL = 4; // below the browser's six connections, so that no figure measures a queue
const thread = new URLSearchParams(location.search).get('thread') || 'demo';
const byId = (id) => document.getElementById(id);

/** Jobs that still run: id to {total, completed, arrived}; `arrived` has the index of each concept that was told of. */
const jobs = new Map();
/** Answers since the page was opened. */
const totals = { edge: 0, origin: 0, browser: 0, unknown: 0, sentBytes: 0 };
let older = false;
let asking = null; // the button whose request is under way

start();

async function start() {
  document.title = `Orbit: ${thread}`;
  byId('thread').textContent = thread;
  sheet.layFilm(openViewer);
  prepareViewer(sheet.prints);
  watchAnswers(noteAnswer);
  onPress('generate', generateMore);
  onPress('reload', () => reload('reload'));
  onPress('reload-browser', () => reload('force-cache'));
  onPress('purge', purge);
  await loadThread();
  followThread(thread, { onEvents: takeEvents, onState: noteConnection });
}

async function loadThread() {
  try {
    const { images, more } = await listImages(thread);
    const held = new Set(images.map(({ id }) => id));
    for (const { image } of sheet.prints()) if (!held.has(image.id)) sheet.lift(image.id);
    for (const image of images) sheet.develop(image, null, null);
    older = more;
  } catch (problem) {
    showProblem('The pictures could not be listed.', problem);
  }
  redraw();
}

/** A batch of events. What the batch purges or finishes is taken out first, so that a replay draws only what remains. */
function takeEvents(events) {
  const purged = new Set(events.filter(({ name }) => name === 'image_purged').map(({ id }) => id));
  const finished = new Set(events.filter(({ name }) => name === 'concepts_generated').map(({ job }) => job));
  const isLive = (job) => jobs.has(job) || !finished.has(job);
  for (const id of purged) sheet.lift(id);
  for (const event of events) {
    if (event.name === 'concept_progress' && !purged.has(event.image.id)) takeProgress(event);
    if (event.name === 'concept_failed' && isLive(event.job)) sheet.spoil(event.job, event.index, event.message);
    if (event.name === 'concepts_generated') takeFinish(event, purged);
    else if (event.job && !finished.has(event.job)) noteJob(event);
  }
  for (const [job, running] of jobs) sheet.reserve(job, running);
  redraw();
}

function takeProgress({ image, job, index, completed, total }) {
  if (!sheet.findPrint(image.id)) {
    lightTier('generation', `${image.title ?? 'A concept'} was made, ${completed} of ${total}`);
  }
  sheet.develop(image, job, index);
}

function takeFinish({ job, images, failed }, purged) {
  if (jobs.has(job)) announce(`${count(images.length, 'concept')} arrived${failed ? `, ${failed} failed` : ''}.`);
  images.forEach((image) => purged.has(image.id) || sheet.develop(image, job, null));
  jobs.delete(job);
  sheet.settle(job);
}

/** The running job of this name, noted down if it is new. */
function trackJob({ job, total, completed }) {
  if (!jobs.has(job)) {
    jobs.set(job, { total, completed, arrived: new Set() });
    checkJob(job);
  }
  return jobs.get(job);
}

function noteJob(event) {
  const running = trackJob(event);
  running.completed = event.completed;
  running.arrived.add(event.index);
}

/** A job may have ended without a last word, as when the server was stopped, or before the page knew of it: ask. */
async function checkJob(job) {
  const state = await readJob(job).then((answer) => answer.state, (problem) => problem.code);
  if (state === 'queued' || state === 'running' || state === 'unreachable') return;
  jobs.delete(job);
  sheet.settle(job);
  redraw();
}

function noteConnection(state) {
  const sign = byId('connection');
  const back = sign.dataset.state === 'reconnecting' && state === 'live';
  sign.dataset.state = state;
  sign.textContent = state;
  if (!back) return;
  clearSlip();
  loadThread();
  for (const job of jobs.keys()) checkJob(job);
}

function noteAnswer(path, answer) {
  const frame = sheet.findPrint(path);
  totals[answer.tier] += 1;
  totals.sentBytes += answer.sentBytes;
  if (frame) sheet.noteAnswer(frame, answer);
  lightTier(answer.tier, describe(answer));
  redraw();
}

async function generateMore() {
  const held = sheet.prints().length;
  const concepts = makeConcepts(held === 0 ? 8 : 4 + ((4 - (held % 4)) % 4)); // to the end of the strip, and one more
  try {
    const job = await startJob(thread, concepts);
    const first = sheet.reserve(job.job, trackJob(job));
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    first?.element.scrollIntoView({ block: 'nearest', behavior: calm ? 'auto' : 'smooth' });
    announce(`Generating ${count(job.total, 'concept')}.`);
  } catch (problem) {
    showProblem('Nothing was generated.', problem);
  }
}

/** Loads all pictures again; `cache` says from where, in fetch's words. */
async function reload(cache) {
  const before = { ...totals };
  const waiting = sheet.prints();
  const work = async () => {
    for (let frame = waiting.shift(); frame; frame = waiting.shift()) {
      if (frame.image) await sheet.redevelop(frame, (url) => loadImage(url, cache));
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL }, work));
    const gain = (tier) => totals[tier] - before[tier];
    announce(`Reloaded. Edge hits ${gain('edge')}, misses ${gain('origin')}, browser cache ${gain('browser')}.`);
  } catch (problem) {
    showProblem('A picture could not be loaded again.', problem);
  }
}

async function purge() {
  try {
    showReceipt(thread, await purgeThread(thread));
  } catch (problem) {
    showProblem('Nothing was purged.', problem);
  }
}

/** Buttons stay focusable while they have nothing to do: aria-disabled, never disabled. */
function onPress(id, act) {
  const button = byId(id);
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return;
    clearSlip();
    asking = id;
    redraw();
    await act();
    asking = null;
    redraw();
  });
}

function redraw() {
  const images = sheet.prints().map(({ image }) => image);
  const busy = [...jobs.values()][0];
  const disable = (id, yes) => byId(id).setAttribute('aria-disabled', String(yes));
  disable('generate', Boolean(busy || asking));
  for (const id of ['reload', 'reload-browser', 'purge']) disable(id, images.length === 0 || Boolean(asking));
  byId('generate-detail').textContent = busy ? `${busy.completed} of ${busy.total}` : 'more';
  byId('progress').textContent = progressWords(images.length, busy);
  byId('total-images').textContent = images.length;
  byId('total-stored').textContent = formatBytes(images.reduce((sum, { bytes }) => sum + bytes, 0));
  byId('total-sent').textContent = formatBytes(totals.sentBytes);
  for (const tier of ['edge', 'origin', 'browser']) byId(`total-${tier}`).textContent = totals[tier];
  refreshViewer();
}

function progressWords(held, busy) {
  if (busy) return `Developing ${Math.min(busy.completed + 1, busy.total)} of ${busy.total}`;
  if (held === 0) return 'An empty sheet';
  return older ? `The newest ${held} prints` : count(held, 'print');
}
