// Lighthouse over pages: its mobile settings, as it comes. Called by bench.mjs.

import { createServer } from 'node:net';
import { once } from 'node:events';
import lighthouse from 'lighthouse';

export const CATEGORIES = ['performance', 'accessibility', 'best-practices'];

/** Scores from 0 to 100 by category, and what did not pass. */
export async function score(launch, address) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const browser = await launch([`--remote-debugging-port=${port}`]);
  try {
    const { lhr } = await lighthouse(address, { port, onlyCategories: CATEGORIES, logLevel: 'error', output: 'json' });
    if (lhr.runtimeError) throw new Error(`${address}: ${lhr.runtimeError.message}`);
    const scores = Object.fromEntries(CATEGORIES.map((name) => [name, Math.round(lhr.categories[name].score * 100)]));
    const counted = new Set(CATEGORIES.flatMap((name) => lhr.categories[name].auditRefs.filter(({ weight }) => weight > 0).map(({ id }) => id)));
    const failed = Object.values(lhr.audits).filter(({ id, score }) => counted.has(id) && score !== null && score < 0.9).map(({ id, displayValue }) => `${id}${displayValue ? ` ${displayValue}` : ''}`);
    const metric = (id) => Math.round(lhr.audits[id].numericValue);
    return { ...scores, failed, lcp_ms: metric('largest-contentful-paint'), tbt_ms: metric('total-blocking-time'), bytes: metric('total-byte-weight') };
  } finally {
    await browser.close();
  }
}
