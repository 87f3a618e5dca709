// A visit: one page in one real browser, from the address to the moment at which twelve pictures are painted, and what it took.
//
// Called by bench.mjs. Every figure is the browser's own: its clock, its count of bytes on the wire, its count of work.

/** Lines that a page is loaded over: this machine's own, and a good mobile one. */
export const LINES = {
  loopback: null,
  '4G': { offline: false, latency: 60, downloadThroughput: (9e6 / 8), uploadThroughput: (4e6 / 8) },
};

const PATIENCE_MS = 60_000;

/** Opens `address` in a new page of `context`; resolves to what was measured. */
export async function visit(context, address, line) {
  const page = await context.newPage();
  const client = await context.newCDPSession(page);
  const wire = { bytes: 0, imageBytes: 0, requests: 0, imageRequests: 0 };
  const kinds = new Map();
  await client.send('Network.enable');
  await client.send('Performance.enable');
  if (LINES[line]) await client.send('Network.emulateNetworkConditions', LINES[line]);
  client.on('Network.responseReceived', ({ requestId, type, response }) => {
    if (response.fromDiskCache || response.fromServiceWorker || response.fromPrefetchCache || response.url.startsWith('data:')) return;
    kinds.set(requestId, type);
    wire.requests += 1;
    if (type === 'Image') wire.imageRequests += 1;
  });
  client.on('Network.requestServedFromCache', ({ requestId }) => {
    if (kinds.delete(requestId)) wire.requests -= 1;
  });
  client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const kind = kinds.get(requestId);
    if (kind === undefined) return;
    wire.bytes += encodedDataLength;
    if (kind === 'Image') wire.imageBytes += encodedDataLength;
  });
  await page.addInitScript(watch);
  await page.goto(address, { waitUntil: 'commit' });
  await page.waitForFunction(() => window.bench.painted !== null, null, { timeout: PATIENCE_MS, polling: 'raf' });
  await page.waitForLoadState('networkidle');
  const seen = await page.evaluate(() => ({ ...window.bench, sources: [...document.querySelectorAll('.window img:not([aria-hidden])')].map((one) => one.currentSrc) }));
  const { metrics } = await client.send('Performance.getMetrics');
  const work = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  await page.close();
  return {
    painted_ms: seen.painted, lcp_ms: seen.lcp, cls: seen.cls, main_thread_ms: work.TaskDuration * 1000, script_ms: work.ScriptDuration * 1000,
    bytes: wire.bytes, image_bytes: wire.imageBytes, requests: wire.requests, image_requests: wire.imageRequests, sources: seen.sources,
  };
}

// Runs in the page, before its own scripts.
function watch() {
  window.bench = { painted: null, lcp: 0, cls: 0 };
  new PerformanceObserver((list) => { window.bench.lcp = list.getEntries().at(-1).startTime; }).observe({ type: 'largest-contentful-paint', buffered: true });
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.bench.cls += value;
  }).observe({ type: 'layout-shift', buffered: true });
  const look = async () => {
    const pictures = [...document.querySelectorAll('.window img:not([aria-hidden])')];
    if (pictures.length !== 12 || !pictures.every((one) => one.complete && one.naturalWidth > 0)) return requestAnimationFrame(look);
    await Promise.all(pictures.map((one) => one.decode()));
    // Decoded: the next frame has them.
    requestAnimationFrame(() => requestAnimationFrame(() => { window.bench.painted = performance.now(); }));
  };
  requestAnimationFrame(look);
}
