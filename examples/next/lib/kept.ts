/**
 * Kept: what the browser remembers between pages: which pictures are chosen on which board, and what was asked for.
 *
 * In localStorage, so that it is the same in every tab; an unreadable or full one is as good as an empty one.
 */
import { useSyncExternalStore } from "react";

const CHOSEN = "studio:chosen";
const BRIEFS = "studio:briefs";
const MAX_BRIEFS = 200;

/** Ids of the pictures chosen on a board, in the order of choosing. */
export function useChosen(thread: string): readonly string[] {
  const all = useKept(CHOSEN);
  return (all[thread] as readonly string[] | undefined) ?? NOTHING;
}
const NOTHING: readonly string[] = [];

/** Chooses a picture, or lets go of it. */
export function toggleChosen(thread: string, id: string): void {
  const all = read(CHOSEN);
  const chosen = (all[thread] as string[] | undefined) ?? [];
  const next = chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id];
  write(CHOSEN, { ...all, [thread]: next });
}

/** What was asked for on a board; null where this browser did not ask. The server tells prompts to nobody. */
export function useBrief(thread: string): string | null {
  return (useKept(BRIEFS)[thread] as string | undefined) ?? null;
}

/** Remembers what was asked for; of many boards the oldest goes. */
export function keepBrief(thread: string, brief: string): void {
  const others = Object.entries(read(BRIEFS)).filter(([name]) => name !== thread);
  write(BRIEFS, Object.fromEntries([...others.slice(1 - MAX_BRIEFS), [thread, brief]]));
}

type Kept = Readonly<Record<string, unknown>>;
const EMPTY: Kept = {};
const lastRead = new Map<string, { text: string | null; value: Kept }>();
const listeners = new Set<() => void>();

function useKept(key: string): Kept {
  return useSyncExternalStore(subscribe, () => read(key), () => EMPTY);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("storage", listener);
  };
}

function read(key: string): Kept {
  let text: string | null = null;
  try {
    text = localStorage.getItem(key);
    const before = lastRead.get(key);
    // The same object for the same text: React compares by identity.
    if (before && before.text === text) return before.value;
    const value: unknown = JSON.parse(text ?? "{}");
    const kept = typeof value === "object" && value !== null ? (value as Kept) : EMPTY;
    lastRead.set(key, { text, value: kept });
    return kept;
  } catch {
    return EMPTY;
  }
}

function write(key: string, value: Kept): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and full disks remember nothing; the page works without.
  }
  for (const listener of listeners) listener();
}
