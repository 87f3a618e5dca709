// The studio's gallery of a thousand pictures, and what is left of the studio without a line, in a real browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertQuiet, concepts, draw, edgeRequests, fill, inContext, openPage, startBrowser, startStudio, until, waitForFrames } from './studio-harness.mjs';

const STOCK = 1_000;
const A_BOARD = 20;

let studio;
let browser;

before(async () => {
  studio = await startStudio();
  browser = await startBrowser();
  await fill(studio, STOCK, A_BOARD);
});

after(async () => {
  await browser?.close();
  await studio?.stop();
});

const loaded = (page) => page.$$eval('[data-picture] .orbit-image[data-state="loaded"]', (all) => all.length);
const seen = (page) => page.evaluate(() => document.querySelectorAll('[data-picture]').length);

async function openGallery(context) {
  const page = await openPage(context, `${studio.edge}/gallery`);
  await page.waitForFunction(() => [...document.querySelectorAll('[data-picture]')]
    .filter((one) => one.getBoundingClientRect().bottom < innerHeight)
    .every((one) => one.querySelector('.orbit-image').dataset.state === 'loaded'));
  return page;
}

test('thumbnails below the fold are not asked for until they are scrolled to', () => inContext(browser, {}, async (context) => {
  const before = await edgeRequests(studio);
  const page = await openGallery(context);
  // The list is read on before its end comes into view.
  await page.waitForFunction(() => document.querySelectorAll('[data-picture]').length > 100);
  const asked = (await edgeRequests(studio)).all - before.all;
  const inList = await seen(page);
  assert.ok(asked < inList, `${asked} asked for, of ${inList} in the list`);
  assert.ok(inList < STOCK, 'the list was read to its end without being scrolled to');
  const far = page.locator('[data-picture]').nth(inList - 1);
  assert.notEqual(await far.locator('.orbit-image').getAttribute('data-state'), 'loaded');
  await far.scrollIntoViewIfNeeded();
  await far.locator('.orbit-image[data-state="loaded"]').waitFor();
  await assertQuiet(page);
}));

test('scrolling reads the list to its end, each picture once, and lays out only what is near', () => inContext(browser, {}, async (context) => {
  const page = await openGallery(context);
  while (await page.locator('text=That is all of it').count() === 0) {
    const before = await seen(page);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.waitForFunction((count) => document.querySelectorAll('[data-picture]').length > count || document.body.textContent.includes('That is all of it'), before);
  }
  const ids = await page.$$eval('[data-picture]', (all) => all.map((one) => one.dataset.picture));
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, STOCK);
  const skipped = await page.$$eval('.contact', (all) => all.filter((one) => !one.checkVisibility({ contentVisibilityAuto: true }) || !one.querySelector('h2').checkVisibility({ contentVisibilityAuto: true })).length);
  assert.ok(skipped > 10, `only ${skipped} sheets are left out of the layout`);
  assert.ok(await loaded(page) < STOCK, 'pictures that were never near the window were loaded');
  await assertQuiet(page);
}));

test('sheets that are not laid out have the height that they will have', () => inContext(browser, {}, async (context) => {
  const page = await openGallery(context);
  await page.waitForFunction(() => document.querySelectorAll('[data-picture]').length > 100);
  const heights = await page.$$eval('.contact', (all) => {
    const far = all.at(-1);
    const guessed = far.getBoundingClientRect().height;
    far.style.contentVisibility = 'visible';
    return { guessed, real: far.getBoundingClientRect().height };
  });
  assert.ok(Math.abs(heights.guessed - heights.real) < 2, `${heights.guessed} and ${heights.real}`);
}));

test('arrow keys walk over the pictures, and enter opens one', () => inContext(browser, {}, async (context) => {
  const page = await openGallery(context);
  await page.focus('[data-picture]');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  const id = await page.evaluate(() => document.activeElement.dataset.picture);
  const ids = await page.$$eval('[data-picture]', (all) => all.map((one) => one.dataset.picture));
  assert.equal(ids.indexOf(id), 9, 'one to the right, and a row of eight down');
  await page.keyboard.press('Enter');
  await page.waitForURL(new RegExp(`${id}$`));
}));

test('coming back finds the gallery as it was, without a request for a picture', () => inContext(browser, {}, async (context) => {
  const page = await openGallery(context);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await page.waitForFunction(() => document.querySelectorAll('[data-picture]').length > 150);
  const far = page.locator('[data-picture]').nth(140);
  await far.scrollIntoViewIfNeeded();
  await far.locator('.orbit-image[data-state="loaded"]').waitFor();
  const count = await seen(page);
  await far.click();
  await page.waitForSelector('.concept-print .orbit-image[data-state="loaded"]');
  await page.goBack();
  await page.waitForFunction((wanted) => document.querySelectorAll('[data-picture]').length >= wanted, count);
  await page.waitForFunction(() => scrollY > 200);
}));

// The last one: after it nothing runs any more.
test('without a line a reload shows the board that was seen, and its pictures', () => inContext(browser, {}, async (context) => {
  const thread = 'offline-aaaaaaaa';
  await draw(studio, thread, concepts(6));
  const page = await openPage(context, `${studio.edge}/boards/${thread}`);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await waitForFrames(page, 6);
  // The worker sees what is loaded from now on.
  await page.reload();
  await waitForFrames(page, 6);
  // To a picture without loading its page, and back to the board.
  await page.click('.frame:nth-child(2) a.print');
  await page.waitForSelector('.concept-print .orbit-image[data-state="loaded"]');
  const picture = page.url();
  await until(page, async (wanted) => {
    const names = await caches.keys();
    return (await Promise.all(names.map(async (name) => (await caches.open(name)).match(wanted)))).some(Boolean);
  }, picture);
  await page.goBack();
  await waitForFrames(page, 6);
  await until(page, async () => {
    const stores = await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)));
    const pictures = new Set(stores.flat().filter((url) => url.includes('/api/images/')));
    const here = [...document.querySelectorAll('.frame .orbit-image img')].map((one) => one.currentSrc);
    return here.every((url) => pictures.has(url)) && stores.flat().some((url) => url === location.href);
  });
  await studio.stop();
  page.trouble.length = 0;
  await page.reload();
  await waitForFrames(page, 6);
  await page.waitForSelector('.line-state[data-state="waiting"]');
  const sizes = await page.$$eval('.frame .orbit-image img:last-of-type', (all) => all.map((one) => one.naturalWidth));
  assert.equal(sizes.length, 6);
  for (const width of sizes) assert.ok(width > 0);
  await page.goto(picture);
  await page.waitForSelector('.concept-print .orbit-image[data-state="loaded"]');
}));
