// The harness: starts the real `orbit` and a real Chromium, and watches each page for what must never happen.
//
// Called by demo.test.mjs and client/harness.mjs. Each process is stopped by its own handle. Every page opened here is watched for errors,
// policy violations, layout shifts and requests to other origins; `assertQuiet` says whether it saw any.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const BINARY = path.resolve(process.env.ORBIT_BIN ?? path.join(import.meta.dirname, '../../target/debug/orbit'));
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const CHROMIUM_ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const START_MS = 30_000;

/** How long a page may take for anything that includes generating. */
export const PATIENCE_MS = 60_000;

/** Starts `orbit demo` on a free port and an empty folder; resolves to its origin, its page's address and `stop()`. */
export const startDemo = () => startOrbit(['demo'], /http:\/\/[\w.:[\]]+\/\?thread=[\w-]+/);

/**
 * Starts orbit on a free port and an empty folder; resolves to its origin and `stop()`, and to the `address` that it
 * prints, where one is looked for.
 */
export async function startOrbit(command, pattern = null) {
  const folder = await mkdtemp(path.join(tmpdir(), 'orbit-browser-'));
  // Orbit refuses ORBIT_* variables that it does not know, and ORBIT_BIN is ours.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ORBIT_')));
  const args = [...command, '--listen', '127.0.0.1:0', '--data-dir', folder];
  const child = spawn(BINARY, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let log = '';
  child.stderr.on('data', (text) => { log = (log + text).slice(-4000); });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { ...(await readAddresses(child, exited, pattern)), stop };
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${log}`);
  }
}

async function readAddresses(child, exited, pattern) {
  const lines = createInterface({ input: child.stdout });
  const found = new Promise((resolve, reject) => {
    let origin;
    lines.on('line', (line) => {
      origin ??= /^listening on (http:\/\/\S+)$/.exec(line)?.[1] ?? reject(new Error(`unexpected first line: ${line}`));
      const address = pattern?.exec(line)?.[0];
      if (address || !pattern) resolve({ origin, address });
    });
    exited.then(([code]) => reject(new Error(`orbit ended with ${code} before it printed its address`)), reject);
    setTimeout(() => reject(new Error('orbit did not print its address')), START_MS).unref();
  });
  return found;
}

/** A browser with an empty profile. */
export const startBrowser = () => chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });

/** A new page in which errors and requests to other origins than that of an address are noted, in `trouble`. */
export async function watchedPage(context, address) {
  const page = await context.newPage();
  const { origin } = new URL(address);
  page.trouble = [];
  page.on('console', (message) => message.type() === 'error' && page.trouble.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => page.trouble.push(`exception: ${error.stack}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) page.trouble.push(`foreign request: ${url}`);
  });
  return page;
}

/** Opens an address in a page that is watched from its first byte on. */
export async function openPage(context, address) {
  const page = await watchedPage(context, address);
  await page.addInitScript(watchFromInside);
  await page.goto(address);
  await page.waitForSelector('#connection[data-state="live"]');
  return page;
}

// Runs in the page, before its own scripts.
function watchFromInside() {
  window.seen = { violations: [], shifts: [], states: new Map() };
  document.addEventListener('securitypolicyviolation', (event) => {
    window.seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
  });
  new PerformanceObserver((list) => {
    for (const { value, sources, hadRecentInput } of list.getEntries()) {
      if (hadRecentInput) continue; // as in the definition of cumulative layout shift
      window.seen.shifts.push(`${value} ${sources.map(({ node }) => node?.id || node?.className || node?.nodeName)}`);
    }
  }).observe({ type: 'layout-shift', buffered: true });
  new MutationObserver((records) => {
    for (const { target } of records) {
      if (!target.matches('.frame')) continue;
      const history = window.seen.states.get(target) ?? [];
      const placeholder = target.querySelector('.placeholder');
      const shown = !placeholder.hidden && placeholder.src.startsWith('data:image/');
      history.push({ state: target.dataset.state, shown });
      window.seen.states.set(target, history);
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-state'] });
}

/** Fails if the page saw an error, a violation of its policy, a layout shift or a request to another origin. */
export async function assertQuiet(page) {
  const { violations, shifts } = await page.evaluate(() => window.seen);
  assert.deepEqual(page.trouble, []);
  assert.deepEqual(violations, [], 'the content security policy was violated');
  assert.deepEqual(shifts, [], 'something on the page moved');
}

/** Waits until exactly `count` pictures stand on the sheet, all loaded and with an answer. */
export async function waitForPrints(page, count) {
  const done = (wanted) => document.querySelectorAll('.frame[data-state="ready"][data-tier]').length === wanted
    && document.querySelectorAll('.frame:is([data-state="pending"], [data-state="placeholder"])').length === 0;
  await page.waitForFunction(done, count, { timeout: PATIENCE_MS });
}
