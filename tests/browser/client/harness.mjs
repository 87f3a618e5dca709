// The harness of the client's tests: a real `orbit serve`, the app in front of it, and pages that are watched for layout
// shifts and errors. Called by client.test.mjs; the browser, and how a server is started, are ../harness.mjs's.

import assert from 'node:assert/strict';
import { startOrbit } from '../harness.mjs';
import { bundleBoard, startFront } from './front.mjs';

/** How long a page may take for anything. */
export const PATIENCE_MS = 30_000;

/** Starts Orbit and the app. */
export async function startApp() {
  const orbit = await startOrbit(['serve']);
  try {
    const board = await bundleBoard();
    const front = await startFront(orbit.origin, board);
    const other = await startFront(orbit.origin, board);
    const stop = async () => {
      await front.stop();
      await other.stop();
      await orbit.stop();
    };
    return { orbit, front, other, stop };
  } catch (error) {
    await orbit.stop();
    throw error;
  }
}

/** Has so many images drawn for a thread; resolves to their metadata, in the order of the list. */
export async function draw(origin, thread, count, size = '256x256') {
  const concepts = Array.from({ length: count }, (_, index) => ({ prompt: `${thread} ${index}`, size }));
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${origin}/generations`, { method: 'POST', headers, body: JSON.stringify({ thread_id: thread, concepts }) });
  const job = await answer.json();
  assert.equal(answer.status, 202, JSON.stringify(job));
  await Promise.all(job.images.map(({ url }) => fetch(`${origin}${url}?wait=30`).then((response) => response.arrayBuffer())));
  const { images } = await (await fetch(`${origin}/images?thread_id=${thread}`)).json();
  assert.equal(images.length, count);
  return images;
}

/** Opens a page that is watched from its first byte on. */
export async function openPage(context, address) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.trouble = [];
  page.on('pageerror', (error) => page.trouble.push(error.stack));
  await page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shifts.push(value);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto(address);
  return page;
}

/** Opens the gallery of a thread, and waits until all of its images are there. */
export async function openGallery(context, front, thread, count, query = '') {
  const page = await openPage(context, `${front.origin}/gallery?thread=${thread}${query}`);
  await waitForState(page, 'loaded', count);
  return page;
}

/** Waits until exactly so many images are in a state. */
export const waitForState = (page, state, count) => page.waitForFunction(
  ([wanted, number]) => document.querySelectorAll(`orbit-image[state="${wanted}"], .orbit-image[data-state="${wanted}"]`).length === number,
  [state, count],
);

/** Waits until exactly so many places of the board have a status. */
export const waitForPlaces = (page, status, count) => page.waitForFunction(
  ([wanted, number]) => document.querySelectorAll(`[data-status="${wanted}"]`).length === number,
  [status, count],
);

/** How many bytes came over the network for each image, by the browser's own account. */
export const transfers = (page) => page.evaluate(() => performance.getEntriesByType('resource')
  .filter(({ name }) => name.includes('/api/images/')).map(({ transferSize }) => transferSize));

/** Waits until the worker keeps so many images. */
export async function waitForKept(page, count) {
  await page.waitForFunction(async (number) => (await window.orbit.workerStats())?.count === number, count, { polling: 100 });
}

/** Fails if the page threw, or if anything on it moved. */
export async function assertQuiet(page) {
  assert.deepEqual(page.trouble, []);
  assert.deepEqual(await page.evaluate(() => window.shifts), [], 'something on the page moved');
}
