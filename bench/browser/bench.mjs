// One page of twelve pictures in a real browser, three ways: Orbit, the design that it replaces, and next/image with its default
// optimizer. Then Lighthouse on each, and on the studio's own pages.
//
// npm run bench [-- --rounds 5] [--quick] [--skip-studio]; see README.md.
//
// 1. The backends, with the same twelve pictures.
// 2. Each round, for each line and each way: fresh servers; a first visit when nobody has asked for a picture yet; a second one by the same
//    browser; a first visit by another browser, now that the servers have everything.
// 3. Lighthouse, on servers that have everything.
// 4. Tables, and bench/results/browser.json.

import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { CATEGORIES, score } from './lighthouse.mjs';
import { median, print, save, say } from './report.mjs';
import { startBackends, startFront } from './servers.mjs';
import { LINES, visit } from './visit.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, quick: { type: 'boolean', default: false }, 'skip-studio': { type: 'boolean', default: false } } });
const ROUNDS = values.quick ? 1 : Number(values.rounds);
const WAYS = [
  { name: 'Orbit', path: '/orbit', door: 'edge' },
  { name: 'reference', path: '/reference', door: 'app' },
  { name: 'next/image', path: '/next-image', door: 'app' },
];
const VISITS = ['first, cold', 'first, warm', 'repeat'];
const WINDOW = { width: 1440, height: 900 };

const launch = (args = []) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...args],
});

/** How many processes wanted a core, round by round: distrust a run where that is far above the machine's cores. */
const loads = [];

const folder = await mkdtemp(path.join(tmpdir(), 'orbit-browser-bench-'));
const backends = await startBackends(folder);
try {
  const samples = await measureVisits();
  const scores = await measureScores();
  const tables = { ...visitTables(samples), 'browser-lighthouse': scoreTable(scores) };
  for (const [name, table] of Object.entries(tables)) console.log(`\n${name}\n${print(table)}`);
  if (!values.quick) console.log(`\nsaved ${save('browser', tables, { rounds: ROUNDS, window: WINDOW, lines: LINES, load_average: loads, samples, scores })}`);
} finally {
  await backends.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measureVisits() {
  const samples = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const line of Object.keys(LINES)) {
      // Not always the same one first: what the machine does meanwhile should hit all alike.
      const order = WAYS.map((_, at) => WAYS[(at + round) % WAYS.length]);
      for (const way of order) samples.push(...await measureWay(way, line, round));
    }
    loads.push(loadavg()[0]);
    console.error(`round ${round + 1} of ${ROUNDS}, load ${loads.at(-1)}`);
  }
  return samples;
}

async function measureWay({ name, path: page, door }, line, round) {
  const front = await startFront(backends);
  const browser = await launch();
  try {
    const one = await browser.newContext({ viewport: WINDOW });
    await warmUp(one, `${front[door]}/blank`);
    const cold = await visit(one, front[door] + page, line);
    const repeat = await visit(one, front[door] + page, line);
    const other = await browser.newContext({ viewport: WINDOW });
    const warm = await visit(other, front[door] + page, line);
    const told = { 'first, cold': cold, 'first, warm': warm, repeat };
    return VISITS.map((kind) => ({ way: name, line, round, visit: kind, ...told[kind] }));
  } finally {
    await browser.close();
    await front.stop();
  }
}

/** The browser's own first page costs more than any other. The pages have all but the pictures in common with it, and it is in another cache. */
async function warmUp(context, address) {
  const elsewhere = await context.browser().newContext({ viewport: WINDOW });
  const page = await elsewhere.newPage();
  await page.goto(address, { waitUntil: 'networkidle' });
  await elsewhere.close();
}

async function measureScores() {
  const scores = [];
  const front = await startFront(backends);
  try {
    for (const { name, path: page, door } of WAYS) {
      await (await fetch(front[door] + page)).text();
      await score(launch, front[door] + page);
      scores.push({ page: `twelve pictures, ${name}`, ...await score(launch, front[door] + page) });
    }
  } finally {
    await front.stop();
  }
  return values['skip-studio'] ? scores : [...scores, ...await measureStudio()];
}

async function measureStudio() {
  const { concepts, draw, startStudio } = await import('../../tests/browser/studio-harness.mjs');
  const studio = await startStudio();
  try {
    const [image] = await draw(studio, 'twelve-bbbbbbbb', concepts(12));
    const pages = { desk: '/', board: '/boards/twelve-bbbbbbbb', picture: `/boards/twelve-bbbbbbbb/${image.id}`, pencil: `/pencil/${image.id}`, gallery: '/gallery' };
    const scores = [];
    for (const [name, page] of Object.entries(pages)) scores.push({ page: `studio, ${name}`, ...await score(launch, studio.edge + page) });
    return scores;
  } finally {
    await studio.stop();
  }
}

function visitTables(samples) {
  const middle = (line, kind, way, what) => median(samples.filter((one) => one.line === line && one.visit === kind && one.way === way).map((one) => one[what]));
  const tables = {};
  for (const line of Object.keys(LINES)) {
    tables[`browser-${line.toLowerCase()}`] = {
      columns: [`visit, ${line === '4G' ? '9 Mbit/s and 60 ms' : 'loopback'}`, 'by', '12 painted, ms', 'Orbit is', 'LCP, ms', 'pictures, KB', 'all, KB', 'picture requests', 'all requests', 'CLS', 'main thread, ms'],
      rows: VISITS.flatMap((kind) => WAYS.map(({ name }) => {
        const get = (what) => middle(line, kind, name, what);
        const times = get('painted_ms') / middle(line, kind, 'Orbit', 'painted_ms');
        return [kind, name, say(get('painted_ms')), name === 'Orbit' ? '' : `${say(times)} x`, say(get('lcp_ms')), say(get('image_bytes') / 1000), say(get('bytes') / 1000),
          String(get('image_requests')), String(get('requests')), say(get('cls')), say(get('main_thread_ms'))];
      })),
    };
  }
  return tables;
}

function scoreTable(scores) {
  return {
    columns: ['Lighthouse 12.8.2, mobile', ...CATEGORIES, 'LCP, ms', 'blocked, ms', 'KB'],
    rows: scores.map((one) => [one.page, ...CATEGORIES.map((name) => String(one[name])), say(one.lcp_ms), say(one.tbt_ms), say(one.bytes / 1000)]),
  };
}
