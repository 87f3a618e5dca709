// The studio's boards in a real browser, against the real binary and the real Next.js: from the brief to the chosen picture.
//
// `npm test`. ORBIT_BIN names the binary, CHROMIUM the browser; SCREENSHOTS, if set, a folder for pictures of the pages.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertQuiet, concepts, draw, edgeRequests, inContext, openPage, photograph, startBrowser, startStudio, waitForFrames,
} from './studio-harness.mjs';

let studio;
let browser;

before(async () => {
  studio = await startStudio();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await studio?.stop();
});

const inNew = (options, body) => inContext(browser, options, body);
/** What of images came over the wire to this document, and what its entries say. */
const imageEntries = (page) => page.evaluate(() => performance.getEntriesByType('resource')
  .filter(({ name }) => name.includes('/api/images/'))
  .map(({ name, transferSize, deliveryType }) => ({ name, transferSize, deliveryType })));

test('a brief becomes a board whose frames fill in live, placeholder before picture, and nothing moves', () => inNew({}, async (context) => {
  const page = await openPage(context, studio.edge);
  await page.fill('#brief', 'A lighthouse for a museum of fog');
  await page.evaluate(() => {
    window.lives = new Map();
    const note = (frame) => {
      const image = frame.querySelector('.orbit-image');
      const state = image ? `${image.dataset.state}${image.style.backgroundImage ? '+placeholder' : ''}` : frame.dataset.status;
      const life = window.lives.get(frame.id) ?? [];
      if (life.at(-1) !== state) life.push(state);
      window.lives.set(frame.id, life);
    };
    new MutationObserver(() => document.querySelectorAll('.frame').forEach(note))
      .observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-status', 'data-state'] });
  });
  await page.click('text=Draw 8 concepts');
  await page.waitForURL(/\/boards\/lighthouse-museum-fog|\/boards\/a-lighthouse/);
  await page.waitForSelector('.frame');
  await photograph(page, 'studio-live');
  await waitForFrames(page, 8);
  const lives = [...await page.evaluate(() => [...window.lives.values()])];
  assert.equal(lives.length, 8);
  for (const life of lives) {
    assert.ok(['queued', 'drawing'].includes(life[0]), `a frame began as ${life[0]}`);
    assert.equal(life.at(-1), 'loaded');
    const first = life.findIndex((state) => state.endsWith('+placeholder'));
    assert.ok(first >= 0 && first < life.indexOf('loaded'), `no placeholder before the picture: ${life}`);
  }
  assert.match(await page.textContent('.brief-text'), /museum of fog/);
  await assertQuiet(page);
}));

test('every picture of a board is asked for by the page\'s own origin, whatever the events say', () => inNew({}, async (context) => {
  const thread = 'rewritten-aaaaaaaa';
  const page = await openPage(context, `${studio.edge}/boards/${thread}`);
  await page.waitForSelector('.line-state[data-state="open"]');
  await draw(studio, thread, concepts(2));
  await waitForFrames(page, 2);
  const sources = await page.$$eval('.frame img', (all) => all.map((one) => one.getAttribute('src')));
  for (const source of sources) assert.match(source, /^\/api\/images\/[\w-]+(\?|$)/);
  await assertQuiet(page);
}));

test('going to a picture, to its neighbour and back loads no picture twice', () => inNew({}, async (context) => {
  const thread = 'navigation-aaaaaaaa';
  await draw(studio, thread, concepts(6));
  const page = await openPage(context, `${studio.edge}/boards/${thread}`);
  await waitForFrames(page, 6);
  const before = await edgeRequests(studio);
  await page.click('.frame:nth-child(2) a.print');
  await page.waitForSelector('.concept-print .orbit-image[data-state="loaded"]');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.querySelector('.crumbs')?.textContent.includes('number 3'));
  await page.waitForSelector('.concept-print .orbit-image[data-state="loaded"]');
  await page.click('.crumbs a');
  await waitForFrames(page, 6);
  // Large pictures of those that were opened and of their neighbours, and the strip's small ones: each a URL of its own, each once.
  const overTheWire = (await imageEntries(page)).filter(({ transferSize }) => transferSize > 0).map(({ name }) => name);
  assert.deepEqual(overTheWire, [...new Set(overTheWire)], 'a picture came over the wire twice');
  const settled = await edgeRequests(studio);
  assert.ok(settled.all > before.all, 'the large pictures were asked for');
  await page.click('.frame:nth-child(2) a.print');
  await page.waitForSelector('.concept-print .orbit-image[data-state="loaded"]');
  await page.goBack();
  await waitForFrames(page, 6);
  assert.equal((await edgeRequests(studio)).all, settled.all, 'what was seen once was asked for again');
  await assertQuiet(page);
}));

test('a second visit asks the server for no picture, and the meter says so', () => inNew({}, async (context) => {
  const thread = 'second-visit-aaaaaaaa';
  await draw(studio, thread, concepts(8));
  const first = await openPage(context, `${studio.edge}/boards/${thread}`);
  await waitForFrames(first, 8);
  await first.waitForFunction(() => document.querySelectorAll('.frame .tag[data-tier="edge"], .frame .tag[data-tier="origin"]').length === 8);
  assert.match(await first.textContent('.frame:first-child .tag'), /(Edge|Origin) [\d.]+ m?s/);
  await first.close();
  const before = await edgeRequests(studio);
  const second = await openPage(context, `${studio.edge}/boards/${thread}`);
  await waitForFrames(second, 8);
  for (const { name, transferSize } of await imageEntries(second)) assert.equal(transferSize, 0, `${name} came over the wire`);
  assert.equal((await edgeRequests(studio)).all, before.all);
  await second.waitForFunction(() => document.querySelectorAll('.frame .tag:is([data-tier="browser"], [data-tier="worker"])').length === 8);
  await assertQuiet(second);
}));

test('choosing rings a picture, stays over a reload, and shows in another tab', () => inNew({}, async (context) => {
  const thread = 'choosing-aaaaaaaa';
  await draw(studio, thread, concepts(3));
  const page = await openPage(context, `${studio.edge}/boards/${thread}`);
  const other = await openPage(context, `${studio.edge}/boards/${thread}`);
  await waitForFrames(page, 3);
  await page.click('.frame:nth-child(2) .choose');
  await page.waitForSelector('.frame:nth-child(2)[data-chosen]');
  await other.waitForSelector('.frame:nth-child(2)[data-chosen]');
  await page.reload();
  await page.waitForSelector('.frame:nth-child(2)[data-chosen]');
  assert.equal(await page.locator('.chosen li').count(), 1);
  await assertQuiet(page);
}));

test('a picture that is removed leaves the board, and its address', () => inNew({}, async (context) => {
  const thread = 'removed-aaaaaaaa';
  const images = await draw(studio, thread, concepts(3));
  const page = await openPage(context, `${studio.edge}/boards/${thread}`);
  await waitForFrames(page, 3);
  const { status } = await fetch(`${studio.edge}/images/${images[1].id}`, { method: 'DELETE' });
  assert.equal(status, 200);
  await page.waitForFunction(() => document.querySelectorAll('.frame').length === 2);
  assert.equal(await page.locator(`#frame-${images[1].id}`).count(), 0);
  assert.deepEqual(page.trouble, []);
}));

test('events arrive through next start within moments of their publication', async () => {
  const thread = 'moments-aaaaaaaa';
  const answer = await fetch(`${studio.app}/threads/${thread}/events?after=$`);
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  assert.equal(answer.headers.get('content-encoding'), null);
  const arrivals = [];
  const reading = (async () => {
    let text = '';
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      const events = text.split('\n\n');
      text = events.pop();
      for (const event of events) {
        const id = /^id: (\d+)-\d+$/m.exec(event)?.[1];
        if (id) arrivals.push({ published: Number(id), arrived: Date.now() });
        if (event.includes('event: concepts_generated')) return;
      }
    }
  })();
  await draw(studio, thread, concepts(4));
  await reading;
  assert.ok(arrivals.length >= 9, `${arrivals.length} events`);
  // An event's id begins with the millisecond of its publication. What a proxy collects arrives together at the end: the
  // first and the last of these were published far apart, so they must not have arrived as one.
  const spread = arrivals.at(-1).published - arrivals[0].published;
  const arrivedOver = arrivals.at(-1).arrived - arrivals[0].arrived;
  assert.ok(arrivedOver > spread / 2, `published over ${spread} ms, arrived over ${arrivedOver} ms`);
  console.log(`events through next start: ${arrivals.map(({ published, arrived }) => arrived - published).join(', ')} ms after publication`);
});

test('a brief without words is refused in words, and the field has the focus', () => inNew({}, async (context) => {
  const page = await openPage(context, studio.edge);
  await page.click('.composer .button.main');
  assert.match(await page.textContent('#brief-problem'), /Say in a few words/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'brief');
  await assertQuiet(page);
}));

test('where there is no picture the page says so', () => inNew({}, async (context) => {
  const page = await openPage(context, `${studio.edge}/boards/nobody-aaaaaaaa/no_such_picture`);
  assert.match(await page.textContent('h1'), /Nothing lies here/);
}));
