// The studio for everybody: rules of axe-core on each page in light and dark, the keyboard's way from brief to gallery, reduced motion, the
// smallest phone; and a photograph of each page for people to look at.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { assertQuiet, concepts, DESKTOP, draw, inContext, openPage, PHONE, photograph, startBrowser, startStudio, waitForFrames } from './studio-harness.mjs';

const THREAD = 'recycling-mascot-aaaaaaaa';
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let studio;
let browser;
let pages;

before(async () => {
  studio = await startStudio();
  browser = await startBrowser();
  const images = await draw(studio, THREAD, concepts(8, 'Recycling mascot'));
  await draw(studio, 'tea-house-logo-aaaaaaaa', concepts(5, 'Tea house logo'));
  pages = {
    desk: { path: '/', ready: '.strip .orbit-image[data-state="loaded"]' },
    board: { path: `/boards/${THREAD}`, ready: '.frame:last-child .tag[data-tier]' },
    concept: { path: `/boards/${THREAD}/${images[3].id}`, ready: '.concept-print .orbit-image[data-state="loaded"]' },
    pencil: { path: `/pencil/${images[3].id}`, ready: '.ink[data-ready]' },
    gallery: { path: '/gallery', ready: '[data-picture] .orbit-image[data-state="loaded"]' },
    nothing: { path: '/no/such/page', ready: 'h1', trouble: true },
  };
});

after(async () => {
  await browser?.close();
  await studio?.stop();
});

for (const colorScheme of ['light', 'dark']) {
  for (const [name, viewport] of [['wide', DESKTOP], ['phone', PHONE]]) {
    test(`no page breaks a rule of axe-core: ${name}, ${colorScheme}`, () => inContext(browser, { colorScheme, viewport, reducedMotion: 'reduce' }, async (context) => {
      for (const [title, { path, ready, trouble }] of Object.entries(pages)) {
        const page = await openPage(context, studio.edge + path);
        await page.waitForSelector(ready);
        if (title === 'board') await page.click('.frame:nth-child(2) .choose');
        await photograph(page, `studio-${title}-${name}-${colorScheme}`);
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
        const told = violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${title}: ${id}: ${help}: ${target}`));
        assert.deepEqual(told, []);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${title} scrolls sideways`);
        if (!trouble) await assertQuiet(page);
        await page.close();
      }
    }));
  }
}

test('the keyboard goes from the brief to the board, to a picture, to the pencil and to the gallery', () => inContext(browser, {}, async (context) => {
  const page = await openPage(context, studio.edge);
  const tabTo = async (selector) => {
    for (let at = 0; at < 60; at += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    }
    assert.fail(`no way to ${selector} by Tab`);
  };
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the page');
  await tabTo('#brief');
  await page.keyboard.type('A kite that writes its own name');
  await tabTo('.composer .button.main');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/boards\//);
  await waitForFrames(page, 8);
  await tabTo('a.print');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.waitForSelector('.frame[data-chosen]');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.concept-print .orbit-image[data-state="loaded"]');
  await tabTo('.concept-acts a');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.ink[data-ready]');
  await tabTo('.ways a[href="/gallery"]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-picture]');
  await assertQuiet(page);
}));

test('who prefers less motion sees none', () => inContext(browser, { reducedMotion: 'reduce' }, async (context) => {
  const page = await openPage(context, studio.edge);
  await page.fill('#brief', 'A still life');
  await page.click('.composer .button.main');
  await page.waitForSelector('.frame');
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  await waitForFrames(page, 8);
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
}));

test('the smallest phone needs no sideways scrolling, and every control is as large as a thumb', () => inContext(browser, { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true }, async (context) => {
  for (const [title, { path, ready }] of Object.entries(pages)) {
    const page = await openPage(context, studio.edge + path);
    await page.waitForSelector(ready);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${title} scrolls sideways`);
    const small = await page.$$eval('button, summary, .button, .ways a', (all) => all
      .filter((one) => one.checkVisibility() && Math.min(one.offsetWidth, one.offsetHeight) < 40)
      .map((one) => `${one.className} ${one.offsetWidth}x${one.offsetHeight}`));
    assert.deepEqual(small, [], title);
    await page.close();
  }
}));
