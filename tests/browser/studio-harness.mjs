// The studio's harness: `orbit serve`, the studio by its one command's steps, and `orbit edge` before both, as its README says.
//
// Called by studio*.test.mjs. Where Orbit is gets fixed when the studio is built, so a build that is there is used with the port that it
// was made for, if that port is free. Each process is stopped by its own handle. Every page opened here is watched for
// errors, layout shifts and requests to other origins; `assertQuiet` says whether it saw any.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { deflateSync, crc32 } from 'node:zlib';
import { startBrowser, watchedPage } from './harness.mjs';

const BINARY = path.resolve(process.env.ORBIT_BIN ?? path.join(import.meta.dirname, '../../target/debug/orbit'));
const STUDIO = path.join(import.meta.dirname, '../../examples/next');
const SCREENSHOTS = process.env.SCREENSHOTS && path.resolve(process.env.SCREENSHOTS);
const NEXT = 'node_modules/next/dist/bin/next';

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };
/** How long a page may take for anything that includes generating. */
export const PATIENCE_MS = 60_000;
const BUILD_MS = 300_000;

/** Starts all of it; resolves to the addresses of `edge`, `app` and `orbit`, what asks them, and `stop()`. */
export async function startStudio() {
  const folder = await mkdtemp(path.join(tmpdir(), 'orbit-studio-'));
  const running = [];
  const stop = async () => {
    for (const one of running.reverse()) await one.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const port = await portOfBuild();
    const orbit = await startOrbit(['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', path.join(folder, 'data')]);
    running.push(orbit);
    await prepare(orbit.address);
    const app = await startApp(orbit.address);
    running.push(app);
    const edge = await startOrbit(['edge', '--listen', '127.0.0.1:0', '--upstream', orbit.address, '--app', app.address, '--disk', '0']);
    running.push(edge);
    return { edge: edge.address, app: app.address, orbit: orbit.address, stopApp: app.stop, stopEdge: edge.stop, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function portOfBuild() {
  const told = await readFile(path.join(STUDIO, '.next/orbit-url'), 'utf8').catch(() => '');
  const port = Number(/^http:\/\/127\.0\.0\.1:(\d+)$/.exec(told)?.[1] ?? 0);
  return (await freePort(port)) ?? (await freePort(0));
}

/** The port, if nobody listens on it; 0 finds one. */
async function freePort(port) {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server.address().port;
  } catch {
    return null;
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
}

async function startOrbit(args) {
  // Orbit refuses ORBIT_* variables that it does not know, and ORBIT_BIN is ours.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ORBIT_')));
  const child = watched(spawn(BINARY, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
  const address = await child.line(/^listening on (http:\/\/\S+)$/);
  return { address, stop: child.stop };
}

async function prepare(orbit) {
  const env = { ...process.env, ORBIT_URL: orbit, NEXT_TELEMETRY_DISABLED: '1' };
  const child = spawn(process.execPath, ['scripts/prepare.mjs'], { cwd: STUDIO, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { log = (log + text).slice(-8000); });
  const clock = setTimeout(() => child.kill('SIGTERM'), BUILD_MS);
  const [code] = await once(child, 'exit');
  clearTimeout(clock);
  assert.equal(code, 0, `the studio could not be built:\n${log}`);
}

async function startApp(orbit) {
  const port = await freePort(0);
  const env = { ...process.env, ORBIT_URL: orbit, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' };
  const words = [NEXT, 'start', '--hostname', '127.0.0.1', '--port', String(port)];
  const child = watched(spawn(process.execPath, words, { cwd: STUDIO, env, stdio: ['ignore', 'pipe', 'pipe'] }));
  await child.line(/(Ready in)/);
  return { address: `http://127.0.0.1:${port}`, stop: child.stop };
}

function watched(child) {
  const exited = once(child, 'exit');
  let log = '';
  child.stderr.on('data', (text) => { log = (log + text).slice(-4000); });
  const lines = createInterface({ input: child.stdout });
  return {
    line: (pattern) => new Promise((resolve, reject) => {
      lines.on('line', (line) => pattern.test(line) && resolve(pattern.exec(line)[1]));
      exited.then(([code]) => reject(new Error(`it ended with ${code}:\n${log}`)), reject);
    }),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

/** How often the edge was asked for an image, and how. */
export async function edgeRequests({ edge }) {
  const { edge: { memory, misses, coalesced } } = await (await fetch(`${edge}/stats`)).json();
  return { hits: memory.hits, misses, all: memory.hits + memory.stale + misses + coalesced };
}

/** Has concepts drawn, and waits until all are stored; resolves to the thread's images, in the order of the concepts. */
export async function draw({ orbit }, thread, concepts) {
  const answer = await fetch(`${orbit}/generations`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ thread_id: thread, concepts }),
  });
  assert.equal(answer.status, 202);
  const { job } = await answer.json();
  const text = await (await fetch(`${orbit}/generations/${job}/events`)).text();
  const done = text.split('\n\n').find((event) => event.includes('event: concepts_generated'));
  return JSON.parse(/^data: (.*)$/m.exec(done)[1]).images;
}

/** `count` concepts, in four directions. */
export const concepts = (count, title = 'Test card') => Array.from({ length: count }, (_, at) => (
  { prompt: `${title} ${at}`, title, style: ['hero', 'flat', 'line', 'paper'][at % 4], size: '512x512', seed: at + 1 }
));

/** Uploads small pictures under ids of their own, `perBoard` to a thread: what fills a gallery. */
export async function fill({ orbit }, count, perBoard) {
  const ids = Array.from({ length: count }, (_, at) => `stock_${String(at).padStart(5, '0')}`);
  const pictures = Array.from({ length: 12 }, (_, at) => png(64, 40 + at * 15));
  const next = ids.entries();
  const worker = async () => {
    for (const [at, id] of next) {
      const labels = new URLSearchParams({ thread_id: `stock-${Math.floor(at / perBoard)}-aaaaaaaa`, style: 'flat', title: `Stock ${at}` });
      const answer = await fetch(`${orbit}/images/${id}?${labels}`, { method: 'PUT', body: pictures[at % 12] });
      assert.equal(answer.status, 201, await answer.text());
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return ids;
}

/** A PNG of one shade, `side` pixels square. */
function png(side, shade) {
  const rows = Buffer.concat(Array.from({ length: side }, (_, y) => Buffer.from([0, ...Array.from({ length: side }, (_, x) => [shade, (x * 4) & 255, (y * 4) & 255]).flat()])));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const chunk = (type, body) => {
    const named = Buffer.concat([Buffer.from(type), body]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(body.length, 0);
    ends.writeUInt32BE(crc32(named), 4);
    return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)]);
  };
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** Runs `body` in a context of its own: an empty cache, and an empty profile. */
export async function inContext(browser, options, body) {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  try {
    await body(context);
  } finally {
    await context.close();
  }
}

/** Opens an address in a page that is watched from its first byte on. */
export async function openPage(context, address) {
  const page = await watchedPage(context, address);
  await page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, sources, hadRecentInput } of list.getEntries()) {
        // A shift is told from a thousandth on, as Chromium's own tools tell it: an icon beside a number that grows is none.
        if (!hadRecentInput && value >= 0.001) window.shifts.push(`${location.pathname}: ${value.toFixed(5)} ${sources.map(({ node, previousRect: a, currentRect: b }) => `${node?.id || node?.className || node?.nodeName} ${[a.x, a.y, a.width, a.height]} to ${[b.x, b.y, b.width, b.height]}`)}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto(address);
  return page;
}

/** Fails if the page saw an error, a layout shift or a request to another origin. */
export async function assertQuiet(page) {
  assert.deepEqual(page.trouble, []);
  assert.deepEqual(await page.evaluate(() => window.shifts), [], 'something on the page moved');
}

/** Waits until exactly `count` pictures are on the board, all of them painted. */
export async function waitForFrames(page, count) {
  await page.waitForFunction((wanted) => {
    const frames = [...document.querySelectorAll('.frame')];
    const painted = (frame) => frame.dataset.status === 'ready' && frame.querySelector('.orbit-image')?.dataset.state === 'loaded';
    return frames.length === wanted && frames.every(painted);
  }, count, { timeout: PATIENCE_MS });
}

/** Asks the page again and again, until it says yes: for what is not told of by any event, as what a worker has written to its caches. */
export async function until(page, predicate, argument) {
  const end = Date.now() + PATIENCE_MS;
  while (!await page.evaluate(predicate, argument)) assert.ok(Date.now() < end, `not in time: ${predicate}`);
}

/** Writes a picture of the page for people to look at, where SCREENSHOTS says. */
export async function photograph(page, name) {
  if (!SCREENSHOTS) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}

export { startBrowser };
