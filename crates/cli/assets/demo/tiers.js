// Tiers: who answered for an image, how long it took, and the diagram that shows it.
//
// Called by demo.js. Reads the browser's own resource timing, so that every figure on the page is a measurement.
// Knows nothing of frames or jobs.

import { formatMs } from './words.js';

const LABELS = {
  HIT: 'Edge hit',
  STALE: 'Edge, stale',
  COALESCED: 'Edge, joined',
  MISS: 'Origin',
};

/** What one PerformanceResourceTiming says about the tier that answered. */
export function readAnswer(entry) {
  const answer = { totalMs: entry.duration, sentBytes: entry.transferSize };
  if (entry.deliveryType === 'cache' || entry.transferSize === 0) {
    return { ...answer, tier: 'browser', label: 'Browser cache', edgeMs: null };
  }
  const timing = entry.serverTiming.find(({ name }) => name === 'cache');
  if (!timing) return { ...answer, tier: 'unknown', label: 'Not told', edgeMs: null };
  const tier = timing.description === 'MISS' ? 'origin' : 'edge';
  return { ...answer, tier, label: LABELS[timing.description] ?? timing.description, edgeMs: timing.duration };
}

/** Calls `onAnswer(path, answer)` for every image that the browser has loaded, from the first one on. */
export function watchAnswers(onAnswer) {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { pathname } = new URL(entry.name);
      const failed = entry.responseStatus === 0 || entry.responseStatus >= 400;
      if (pathname.startsWith('/api/images/') && !failed) onAnswer(pathname, readAnswer(entry));
    }
  });
  observer.observe({ type: 'resource', buffered: true });
}

/** Lights a tier of the diagram, sends the probe along its orbit, and says so in words. */
export function lightTier(tier, words) {
  const path = document.getElementById('path');
  const probe = document.getElementById('probe');
  document.getElementById('last-answer').textContent = words;
  if (path.dataset.tier !== tier) path.dataset.tier = tier;
  if (probe.getAnimations().some(({ playState }) => playState === 'running')) return;
  path.classList.remove('travelling');
  void probe.getBoundingClientRect(); // restarts the animation
  path.classList.add('travelling');
}

/** One answer as a sentence: "Edge hit in 0.02 ms". */
export function describe(answer) {
  if (answer.tier === 'browser') return `Browser cache, ${formatMs(answer.totalMs)}, no request`;
  if (answer.edgeMs === null) return `Answered in ${formatMs(answer.totalMs)}`;
  const where = answer.tier === 'origin' ? 'Edge miss, filled from the origin' : answer.label;
  return `${where} in ${formatMs(answer.edgeMs)}`;
}
