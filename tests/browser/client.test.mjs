// The package orbit-images in a real browser, against a real `orbit serve` behind an app's own server.
//
// `npm test`, after packages/client was built. ORBIT_BIN names the binary, CHROMIUM the browser. Requests are counted at
// the app's server: whoever asks the browser to intercept them turns its cache off.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { assertQuiet, draw, openGallery, openPage, startApp, transfers, waitForKept, waitForPlaces, waitForState } from './client/harness.mjs';
import { startBrowser } from './harness.mjs';

let app;
let front;
let browser;

before(async () => {
  app = await startApp();
  front = app.front;
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await app?.stop();
});

beforeEach(() => {
  Object.assign(front, { asked: [], gate: null, backendUrls: false });
});

/** Runs `body` with a context of its own: an empty cache, and an empty profile. */
async function inContext(body) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  try {
    await body(context);
  } finally {
    await context.close();
  }
}

/** A promise, and what ends it. */
function gate() {
  let open;
  const promise = new Promise((resolve) => { open = resolve; });
  return { promise, open };
}

const remove = (id) => fetch(`${app.orbit.origin}/images/${id}`, { method: 'DELETE' });
const isReady = (page) => page.waitForSelector('html[data-ready]', { state: 'attached' });

test('a repeat visit makes no request for an image', () => inContext(async (context) => {
  await draw(app.orbit.origin, 'repeat', 6);
  const first = await openGallery(context, front, 'repeat', 6);
  assert.ok((await transfers(first)).every((bytes) => bytes > 0));
  const before = front.images.length;
  assert.equal(before, 6);
  const second = await openGallery(context, front, 'repeat', 6);
  assert.equal(front.images.length, before);
  assert.deepEqual(await transfers(second), Array(6).fill(0));
  await assertQuiet(second);
}));

test('a hard reload is answered by the memory of the edge', () => inContext(async (context) => {
  await draw(app.orbit.origin, 'hard', 4);
  const page = await openGallery(context, front, 'hard', 4);
  front.asked = [];
  const session = await context.newCDPSession(page);
  await session.send('Page.reload', { ignoreCache: true });
  await page.waitForFunction(() => performance.getEntriesByType('navigation')[0].type === 'reload');
  await isReady(page);
  await waitForState(page, 'loaded', 4);
  assert.deepEqual(front.images.map(({ status, xCache }) => [status, xCache]), Array(4).fill([200, 'HIT']));
}));

test('URLs of a backend in events are rewritten to the page\'s own origin', () => inContext(async (context) => {
  front.backendUrls = true;
  const page = await openPage(context, `${front.origin}/board?thread=rewritten`);
  await page.click('button');
  await waitForPlaces(page, 'ready', 4);
  await waitForState(page, 'loaded', 4);
  const hosts = await page.$$eval('.orbit-image img', (all) => all.map(({ currentSrc }) => new URL(currentSrc).origin));
  assert.deepEqual(hosts, Array(4).fill(front.origin));
  await assertQuiet(page);
}));

test('a canvas stays readable through the proxy, and through the origin with its leave', () => inContext(async (context) => {
  const [image] = await draw(app.orbit.origin, 'canvas', 1);
  const page = await openPage(context, `${front.origin}/gallery`);
  await isReady(page);
  const read = (url, options) => page.evaluate(async ([from, given]) => {
    const loaded = await window.orbit.loadForCanvas(from, given);
    const canvas = Object.assign(document.createElement('canvas'), { width: loaded.naturalWidth, height: loaded.naturalHeight });
    const context = canvas.getContext('2d');
    context.drawImage(loaded, 0, 0);
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, 'image/webp'); });
    return { width: canvas.width, alpha: context.getImageData(0, 0, 1, 1).data[3], type: blob.type };
  }, [url, options]);
  const clean = { width: 256, alpha: 255, type: 'image/webp' };
  assert.deepEqual(await read(image.url), clean);
  assert.deepEqual(await read(`${app.orbit.origin}/images/${image.id}`, { origins: [] }), clean);
  // After the same image was shown without asking for leave, from the browser's cache too.
  await page.evaluate((url) => new Promise((resolve) => { Object.assign(new Image(), { onload: resolve, src: url }); }), `${app.orbit.origin}/images/${image.id}?w=128`);
  assert.equal((await read(`${app.orbit.origin}/images/${image.id}?w=128`, { origins: [] })).width, 128);
}));

test('an image that would taint the canvas is refused with the reason', () => inContext(async (context) => {
  const [image] = await draw(app.orbit.origin, 'tainted', 1);
  app.other.withoutCors = true;
  const page = await openPage(context, `${front.origin}/gallery`);
  await isReady(page);
  const fail = (url) => page.evaluate((from) => window.orbit.loadForCanvas(from, { origins: [] }).then(() => 'no error', ({ code, message }) => [code, message]), url);
  const [code, message] = await fail(`${app.other.origin}${image.url}`);
  assert.equal(code, 'tainted');
  assert.match(message, /Access-Control-Allow-Origin/);
  assert.equal((await fail('/api/images/nothing-here'))[0], 'not_found');
}));

test('preloading makes the later view free', () => inContext(async (context) => {
  const images = await draw(app.orbit.origin, 'preload', 5);
  const page = await openPage(context, `${front.origin}/gallery`);
  await isReady(page);
  const urls = [...images.map(({ url }) => url), '/api/images/nothing-here'];
  const { loaded, failed } = await page.evaluate((all) => window.orbit.preloadImages(all, { concurrency: 2 }), urls);
  assert.deepEqual(loaded.sort(), images.map(({ url }) => url).sort());
  assert.deepEqual(failed.map(({ url }) => url), ['/api/images/nothing-here']);
  const before = front.images.length;
  await page.evaluate((all) => window.show(all), images);
  await waitForState(page, 'loaded', 5);
  const later = await openGallery(context, front, 'preload', 5);
  assert.equal(front.images.length, before);
  assert.deepEqual(await transfers(later), Array(5).fill(0));
}));

for (const [name, attributes] of [['the browser\'s own laziness', {}], ['a margin of its own', { lazy: '200px' }]]) {
  test(`images far below are not fetched until they are scrolled to: ${name}`, () => inContext(async (context) => {
    const thread = `lazy-${Object.keys(attributes).length}`;
    const images = await draw(app.orbit.origin, thread, 3);
    const page = await openPage(context, `${front.origin}/gallery`);
    await isReady(page);
    await page.evaluate(() => { document.querySelector('main').style.paddingTop = '20000px'; });
    await page.evaluate(([all, given]) => window.show(all, given), [images, attributes]);
    // What is above is fetched meanwhile, so that there was time for the others.
    await page.evaluate(() => window.orbit.preloadImages(['/api/images/something-else']));
    assert.deepEqual(front.images.map(({ path }) => path), ['/api/images/something-else']);
    await page.evaluate(() => document.querySelector('orbit-image').scrollIntoView());
    await waitForState(page, 'loaded', 3);
    assert.equal(front.images.length, 4);
  }));
}

test('the placeholder is painted before the bytes of the image, and nothing moves when they come', () => inContext(async (context) => {
  const [image] = await draw(app.orbit.origin, 'placeholder', 1, '512x512');
  const { promise, open } = gate();
  front.gate = promise;
  const page = await openPage(context, `${front.origin}/gallery?thread=placeholder`);
  await page.waitForSelector('orbit-image[state="placeholder"]');
  const element = page.locator('orbit-image');
  const painted = await element.screenshot();
  const mean = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }, painted.toString('base64'));
  const color = [1, 3, 5].map((at) => Number.parseInt(image.placeholder.color.slice(at, at + 2), 16));
  assert.ok(mean.every((value, at) => Math.abs(value - color[at]) < 40), `painted ${mean}, the image is ${color}`);
  assert.equal(front.images.every(({ status }) => status === 200), true);
  const before = await element.boundingBox();
  open();
  await waitForState(page, 'loaded', 1);
  assert.deepEqual(await element.boundingBox(), before);
  await assertQuiet(page);
}));

test('a ThumbHash alone makes a placeholder that the browser decodes', () => inContext(async (context) => {
  const [image] = await draw(app.orbit.origin, 'thumbhash', 1);
  const page = await openPage(context, `${front.origin}/gallery`);
  await isReady(page);
  const size = await page.evaluate(async (hash) => {
    const picture = Object.assign(new Image(), { src: window.orbit.placeholderDataUrl(hash) });
    await picture.decode();
    return [picture.naturalWidth, picture.naturalHeight];
  }, image.placeholder.thumbhash);
  assert.deepEqual(size, [16, 16]);
}));

test('an offline reload shows what was seen', () => inContext(async (context) => {
  await draw(app.orbit.origin, 'offline', 4);
  const page = await openGallery(context, front, 'offline', 4, '&worker=1');
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  // The first visit was before the worker; the second is seen by it.
  await page.reload();
  await waitForState(page, 'loaded', 4);
  await waitForKept(page, 4);
  await front.stop();
  try {
    await page.reload();
    await waitForState(page, 'loaded', 4);
    assert.deepEqual(await page.evaluate(() => window.orbit.workerStats().then(({ count, version }) => [count, version])), [4, '1']);
  } finally {
    await front.start();
  }
}));

test('a new version of the worker takes over, drops the pages and keeps the images', () => inContext(async (context) => {
  await draw(app.orbit.origin, 'version', 2);
  const page = await openGallery(context, front, 'version', 2, '&worker=1');
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  await page.reload();
  await waitForKept(page, 2);
  await page.goto(`${front.origin}/gallery?thread=version&worker=2`);
  await page.waitForFunction(async () => (await window.orbit?.workerStats())?.version === '2', null, { polling: 100 });
  await page.waitForFunction(async () => (await caches.keys()).sort().join() === 'orbit-images-1,orbit-pages-1-2', null, { polling: 100 });
  assert.equal(await page.evaluate(() => window.orbit.workerStats().then(({ count }) => count)), 2);
}));

test('a purge removes an image from the page, from the worker, from the browser and from the other tab', () => inContext(async (context) => {
  const images = await draw(app.orbit.origin, 'purged', 3);
  const page = await openGallery(context, front, 'purged', 3, '&worker=1');
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  await page.reload();
  await waitForState(page, 'loaded', 3);
  await waitForKept(page, 3);
  await page.waitForFunction(() => window.stream.state === 'open');
  // This tab follows no thread: the worker tells it.
  const other = await openPage(context, `${front.origin}/gallery`);
  await isReady(other);
  await other.evaluate((all) => window.show(all), images);
  await waitForState(other, 'loaded', 3);
  assert.equal((await remove(images[0].id)).status, 200);
  for (const one of [page, other]) {
    await waitForState(one, 'gone', 1);
    await waitForState(one, 'loaded', 2);
  }
  await waitForKept(page, 2);
  const status = await other.evaluate((url) => fetch(url).then((response) => response.status), images[0].url);
  assert.equal(status, 404);
}));

test('a cut event stream goes on with nothing lost and nothing twice', () => inContext(async (context) => {
  const page = await openPage(context, `${front.origin}/board?thread=cut`);
  await page.waitForFunction(() => document.getElementById('state').textContent === 'open');
  await page.click('button');
  await waitForPlaces(page, 'ready', 4);
  await front.stop();
  await page.waitForFunction(() => document.getElementById('state').textContent !== 'open');
  // What happens while the page is cut off.
  await draw(app.orbit.origin, 'cut', 8).catch((error) => assert.match(error.message, /12 !== 8/));
  await front.start();
  await waitForPlaces(page, 'ready', 12);
  await page.click('button');
  front.cutStreams();
  await waitForPlaces(page, 'ready', 16);
  const keys = await page.$$eval('[data-key]', (all) => all.map(({ dataset }) => dataset.key));
  const ids = await page.$$eval('[data-id]', (all) => all.map(({ dataset }) => dataset.id));
  assert.deepEqual([new Set(keys).size, new Set(ids).size], [16, 16]);
  const streams = front.asked.filter(({ path }) => path.startsWith('/threads/'));
  assert.equal(streams[0].headers['last-event-id'], undefined);
  assert.ok(streams.slice(1).every(({ headers }) => /^\d+-\d+$/.test(headers['last-event-id'])));
  await assertQuiet(page);
}));

test('two tabs show the same, live', () => inContext(async (context) => {
  const tabs = [await openPage(context, `${front.origin}/board?thread=tabs`), await openPage(context, `${front.origin}/board?thread=tabs`)];
  await tabs[0].click('button');
  await tabs[1].bringToFront();
  await tabs[1].click('button');
  for (const tab of tabs) {
    await waitForPlaces(tab, 'ready', 8);
    await assertQuiet(tab);
  }
  const [first] = await tabs[0].$$eval('[data-id]', (all) => all.map(({ dataset }) => dataset.id));
  await remove(first);
  for (const tab of tabs) await waitForPlaces(tab, 'ready', 7);
}));
