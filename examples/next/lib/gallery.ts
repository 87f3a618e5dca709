/**
 * The gallery's pictures: pages of the server's list, newest first, as they are scrolled to. Kept outside of any page, so that coming
 * back finds all of them where they were; pictures that were made meanwhile are put before them.
 */
import { listImages } from "orbit-images";
import { useSyncExternalStore } from "react";
import { type Picture, pictureOf } from "./pictures";

const PAGE = 100;

export interface Shelf {
  readonly pictures: readonly Picture[];
  /** Where the list goes on; null at its end. */
  readonly next: string | null;
  readonly state: "idle" | "loading" | "failed";
}

let shelf: Shelf | null = null;
const listeners = new Set<() => void>();

/** What has been read so far; at first what the server's HTML brought. */
export function useShelf(first: Shelf): Shelf {
  return useSyncExternalStore(subscribe, () => shelf ?? first, () => first);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Takes in the newest pictures, where they are newer than what is here. */
export function putFirst(first: Shelf): void {
  if (shelf === null) return become(first);
  const known = new Set(shelf.pictures.map(({ id }) => id));
  const fresh = first.pictures.filter(({ id }) => !known.has(id));
  // A whole page of strangers: what lies between them and ours is not known, so begin again.
  if (fresh.length === first.pictures.length && fresh.length > 0) return become(first);
  if (fresh.length > 0) become({ ...shelf, pictures: [...fresh, ...shelf.pictures] });
}

/** Looks for pictures that were made since the page's HTML was; without a line what is here has to do. */
export async function lookAgain(): Promise<void> {
  try {
    const { images, next_cursor } = await listImages({ limit: PAGE });
    putFirst({ pictures: images.map(pictureOf), next: next_cursor, state: "idle" });
  } catch {
    // The page says elsewhere that there is no line.
  }
}

/** Takes a picture out that is gone. */
export function takeOut(id: string): void {
  if (shelf?.pictures.some((picture) => picture.id === id)) {
    become({ ...shelf, pictures: shelf.pictures.filter((picture) => picture.id !== id) });
  }
}

/** Reads the next page, unless it is being read or there is none. */
export async function readOn(): Promise<void> {
  const before = shelf;
  if (before === null || before.next === null || before.state === "loading") return;
  become({ ...before, state: "loading" });
  try {
    const { images, next_cursor } = await listImages({ limit: PAGE, cursor: before.next });
    const here = shelf ?? before;
    const known = new Set(here.pictures.map(({ id }) => id));
    const more = images.filter(({ id }) => !known.has(id)).map(pictureOf);
    become({ pictures: [...here.pictures, ...more], next: next_cursor, state: "idle" });
  } catch {
    become({ ...(shelf ?? before), state: "failed" });
  }
}

function become(next: Shelf): void {
  shelf = next;
  for (const listener of listeners) listener();
}

/** A run of pictures of one board, in the order of the list. */
export interface Sheet {
  readonly thread: string | null;
  readonly pictures: readonly Picture[];
}

/** The longest run that is one sheet: what the browser lays out at once. */
const MAX_SHEET = 48;

/** The list cut into sheets; those of `before` are the same objects, so that only the last is drawn anew. */
export function cutIntoSheets(pictures: readonly Picture[], before: readonly Sheet[]): Sheet[] {
  const sheets: Sheet[] = [];
  let start = 0;
  for (let at = 1; at <= pictures.length; at += 1) {
    const same = at < pictures.length && pictures[at]?.thread === pictures[start]?.thread && at - start < MAX_SHEET;
    if (same) continue;
    const run = pictures.slice(start, at);
    const old = before[sheets.length];
    const kept = old && old.pictures.length === run.length && old.pictures.every((picture, n) => picture === run[n]);
    sheets.push(kept ? old : { thread: run[0]?.thread ?? null, pictures: run });
    start = at;
  }
  return pictures.length === 0 ? [] : sheets;
}
