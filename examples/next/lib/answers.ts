/**
 * Answers: which tier answered for each picture, and in how many milliseconds. Every figure is the browser's own
 * measurement (PerformanceResourceTiming); nothing is asked again to find it out.
 *
 * - nothing came over the wire, and no worker stood between: the browser's cache
 * - a worker stood between, and nothing came over the wire: the service worker's cache
 * - else `Server-Timing` tells what the edge did: a hit, or a miss that the origin filled
 */
import { imageIdFromUrl } from "orbit-images";
import { useSyncExternalStore } from "react";

export type Tier = "browser" | "worker" | "edge" | "origin" | "unknown";

export interface Answer {
  tier: Tier;
  /** What the edge called it: HIT, MISS, COALESCED, STALE. */
  word: string | null;
  /** From the browser's question to the last byte. */
  ms: number;
  /** What the edge itself took, where it says so. */
  edgeMs: number | null;
  /** What came over the wire, headers included. */
  wireBytes: number;
  url: string;
}

export const TIER_NAMES: Record<Tier, string> = {
  browser: "Browser",
  worker: "Offline store",
  edge: "Edge",
  origin: "Origin",
  unknown: "Not told",
};

/** What one measurement says. */
export function readAnswer(entry: PerformanceResourceTiming): Answer {
  const timing = entry.serverTiming.find(({ name }) => name === "cache");
  const answer = {
    word: timing?.description ?? null,
    ms: entry.duration,
    edgeMs: null,
    wireBytes: entry.transferSize,
    url: entry.name,
  };
  const delivery = (entry as { deliveryType?: string }).deliveryType;
  if (delivery === "cache" || entry.transferSize === 0) {
    return { ...answer, tier: entry.workerStart > 0 && delivery !== "cache" ? "worker" : "browser" };
  }
  if (timing === undefined) return { ...answer, tier: "unknown" };
  return { ...answer, tier: timing.description === "MISS" ? "origin" : "edge", edgeMs: timing.duration };
}

/** Totals since the page was opened. */
export type Totals = Record<Tier, number> & { wireBytes: number };

const NONE: Totals = { browser: 0, worker: 0, edge: 0, origin: 0, unknown: 0, wireBytes: 0 };
const answers = new Map<string, Answer>();
/** Of each image the first URL that it was loaded by, which is the board's or the gallery's. */
const seen = new Map<string, string>();
const listeners = new Set<() => void>();
let totals = NONE;
let observer: PerformanceObserver | null = null;

/** The last answer for an image, by its id; null before there is one. */
export function useAnswer(id: string): Answer | null {
  return useSyncExternalStore(subscribe, () => answers.get(id) ?? null, () => null);
}

/** The URL of an image that this page has loaded already, at whatever size; null if there is none. */
export function useSeen(id: string): string | null {
  return useSyncExternalStore(subscribe, () => seen.get(id) ?? null, () => null);
}

/** How often each tier answered. */
export function useTotals(): Totals {
  return useSyncExternalStore(subscribe, () => totals, () => NONE);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  observer ??= watch();
  return () => listeners.delete(listener);
}

function watch(): PerformanceObserver {
  // The browser's own list ends at 250 entries, which a gallery has in a moment.
  performance.setResourceTimingBufferSize(1000);
  const found = new PerformanceObserver((list) => {
    let changed = false;
    for (const entry of list.getEntries()) changed = note(entry as PerformanceResourceTiming) || changed;
    if (changed) for (const listener of listeners) listener();
  });
  found.observe({ type: "resource", buffered: true });
  return found;
}

function note(entry: PerformanceResourceTiming): boolean {
  const id = imageIdFromUrl(entry.name, { origins: [location.origin] });
  const failed = entry.responseStatus === 0 || entry.responseStatus >= 400;
  if (id === null || failed || entry.initiatorType === "fetch") return false;
  const answer = readAnswer(entry);
  if (!seen.has(id)) seen.set(id, entry.name);
  answers.set(id.replace(/-preview-\d$/, ""), answer);
  totals = { ...totals, [answer.tier]: totals[answer.tier] + 1, wireBytes: totals.wireBytes + answer.wireBytes };
  return true;
}
