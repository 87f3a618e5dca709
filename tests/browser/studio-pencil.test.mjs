// The magic pencil in a real browser: from a stroke to a new image on the server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertQuiet, concepts, draw, inContext, openPage, PHONE, photograph, startBrowser, startStudio } from './studio-harness.mjs';

let studio;
let browser;
let images;

before(async () => {
  studio = await startStudio();
  browser = await startBrowser();
  images = await draw(studio, 'pencil-aaaaaaaa', concepts(2));
});

after(async () => {
  await browser?.close();
  await studio?.stop();
});

async function openPencil(context, image, address = studio.edge) {
  const page = await openPage(context, `${address}/pencil/${image.id}`);
  await page.waitForSelector('.ink[data-ready]');
  return page;
}

/** Draws a line over the picture with the mouse, from and to fractions of its box. */
async function stroke(page, from, to) {
  const box = await page.locator('.ink').boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  const strokes = Number(await page.getAttribute('.ink', 'data-strokes'));
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at(to), { steps: 12 });
  await page.mouse.up();
  await page.waitForSelector(`.ink[data-strokes="${strokes + 1}"]`);
}

/** The alpha and color of the strokes at a fraction of the canvas: reading it back throws where it is tainted. */
const inkAt = (page, [x, y]) => page.evaluate(([fx, fy]) => {
  const canvas = document.querySelector('.ink');
  const { data } = canvas.getContext('2d').getImageData(Math.floor(fx * canvas.width), Math.floor(fy * canvas.height), 1, 1);
  return [...data];
}, [x, y]);

test('the canvas has the display\'s own pixels, and can be read back and encoded', () => inContext(browser, { deviceScaleFactor: 2 }, async (context) => {
  const page = await openPencil(context, images[0]);
  const found = await page.evaluate(async () => {
    const [base, ink] = document.querySelectorAll('.easel-sheet canvas');
    const { data } = base.getContext('2d').getImageData(0, 0, base.width, base.height);
    const blob = await new Promise((resolve) => { base.toBlob(resolve, 'image/png'); });
    return { widths: [base.width, ink.width], box: base.clientWidth, opaque: data[3], bytes: blob.size };
  });
  assert.deepEqual(found.widths, [found.box * 2, found.box * 2].map(Math.round));
  assert.equal(found.opaque, 255);
  assert.ok(found.bytes > 1000);
  await assertQuiet(page);
}));

test('brush, undo, redo and eraser do what they say, and the eraser leaves the picture alone', () => inContext(browser, {}, async (context) => {
  const page = await openPencil(context, images[0]);
  assert.equal((await inkAt(page, [0.5, 0.5]))[3], 0);
  await stroke(page, [0.2, 0.5], [0.8, 0.5]);
  assert.deepEqual(await inkAt(page, [0.5, 0.5]), [255, 82, 56, 255]);
  await page.keyboard.press('Control+z');
  await page.waitForSelector('.ink[data-strokes="0"]');
  assert.equal((await inkAt(page, [0.5, 0.5]))[3], 0);
  await page.keyboard.press('Control+Shift+z');
  await page.waitForSelector('.ink[data-strokes="1"]');
  await page.keyboard.press('e');
  await stroke(page, [0.5, 0.3], [0.5, 0.7]);
  assert.equal((await inkAt(page, [0.5, 0.5]))[3], 0);
  assert.equal((await inkAt(page, [0.3, 0.5]))[3], 255);
  const under = await page.evaluate(() => document.querySelector('.easel-sheet canvas').getContext('2d').getImageData(200, 200, 1, 1).data[3]);
  assert.equal(under, 255);
  await assertQuiet(page);
}));

test('the pick takes a color from the picture', () => inContext(browser, {}, async (context) => {
  const page = await openPencil(context, images[1]);
  await page.keyboard.press('i');
  await page.locator('.ink').click({ position: { x: 60, y: 60 } });
  const picked = await page.getAttribute('.swatch input:checked', 'aria-label');
  assert.match(picked, /^Picked, #[0-9a-f]{6}$/);
  await assertQuiet(page);
}));

test('a drawing is saved as a new image that names its parent, and lies in the gallery and on the board', () => inContext(browser, {}, async (context) => {
  const page = await openPencil(context, images[0]);
  await stroke(page, [0.1, 0.1], [0.9, 0.9]);
  await photograph(page, 'studio-pencil-stroke');
  const put = page.waitForRequest((request) => request.method() === 'PUT');
  await page.click('text=Save as a new picture');
  const request = await put;
  assert.match(new URL(request.url()).pathname, /^\/images\/pencil_test-card_[0-9a-v]{12}$/);
  await page.waitForSelector('text=Saved.');
  const id = new URL(request.url()).pathname.split('/').at(-1);
  const meta = await (await fetch(`${studio.orbit}/images/${id}/meta`)).json();
  assert.equal(meta.thread_id, 'pencil-aaaaaaaa');
  assert.equal(meta.style, 'pencil');
  assert.equal(meta.model, `magic-pencil/${images[0].id}`);
  assert.deepEqual([meta.width, meta.height], [512, 512]);
  await page.click('.note >> text=gallery');
  await page.waitForSelector(`[data-picture="${id}"] .orbit-image[data-state="loaded"]`);
  await page.click(`[data-picture="${id}"]`);
  await page.waitForSelector('.concept-print .orbit-image[data-state="loaded"]');
  assert.match(await page.textContent('.facts'), new RegExp(images[0].id));
  await page.click('.crumbs a');
  await page.waitForSelector(`#frame-${id}`);
  await assertQuiet(page);
}));

test('strokes that were not saved are there again after a reload', () => inContext(browser, {}, async (context) => {
  const page = await openPencil(context, images[1]);
  await stroke(page, [0.2, 0.2], [0.8, 0.2]);
  await page.reload();
  await page.waitForSelector('.ink[data-ready][data-strokes="1"]');
  assert.equal((await inkAt(page, [0.5, 0.2]))[3], 255);
  await assertQuiet(page);
}));

test('the keyboard alone can draw', () => inContext(browser, {}, async (context) => {
  const page = await openPencil(context, images[1]);
  await page.focus('.ink');
  await page.keyboard.press('Space');
  for (let at = 0; at < 4; at += 1) await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Space');
  await page.waitForSelector('.ink[data-strokes="1"]');
  assert.equal((await inkAt(page, [0.6, 0.5]))[3], 255);
  await assertQuiet(page);
}));

test('a finger draws on a phone, and the page does not scroll under it', () => inContext(browser, { viewport: PHONE, hasTouch: true, isMobile: true, deviceScaleFactor: 3 }, async (context) => {
  const page = await openPencil(context, images[1]);
  const box = await page.locator('.ink').boundingBox();
  const client = await context.newCDPSession(page);
  const touch = (type, x, y) => client.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x: box.x + x * box.width, y: box.y + y * box.height }] });
  await touch('touchStart', 0.5, 0.2);
  for (let y = 0.25; y < 0.8; y += 0.05) await touch('touchMove', 0.5, y);
  await touch('touchEnd');
  await page.waitForSelector('.ink[data-strokes="1"]');
  assert.equal((await inkAt(page, [0.5, 0.5]))[3], 255);
  assert.equal(await page.evaluate(() => scrollY), 0);
  await assertQuiet(page);
}));
