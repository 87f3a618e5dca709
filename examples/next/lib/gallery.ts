/**
 * The gallery's pictures: pages of the server's list, newest first, as they are scrolled to. Kept outside of any page, so that coming
 * back finds all of them where they were; pictures that were made meanwhile are put before them.
 */
import { listImages } from "orbit-images/api";
import { useSyncExternalStore } from "react";
import { type Picture, pictureOf } from "./pictures";

const PAGE = 100;

export interface Shelf {
  /** As they were read, the newest first; what has been read stays the same object. */
  readonly pages: readonly (readonly Picture[])[];
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
  const newest = first.pages.flat();
  const known = new Set(shelf.pages.flat().map(({ id }) => id));
  const meeting = newest.findIndex(({ id }) => known.has(id));
  // Strangers only: what lies between them and ours is not known, so begin again.
  if (meeting < 0) return become(first);
  const fresh = newest.slice(0, meeting);
  if (fresh.length > 0) become({ ...shelf, pages: [fresh, ...shelf.pages] });
}

/** Looks for pictures that were made since the page's HTML was; without a line what is here has to do. */
export async function lookAgain(): Promise<void> {
  try {
    const { images, next_cursor } = await listImages({ limit: PAGE });
    putFirst({ pages: [images.map(pictureOf)], next: next_cursor, state: "idle" });
  } catch {
    // The page says elsewhere that there is no line.
  }
}

/** Takes a picture out that is gone. */
export function takeOut(id: string): void {
  if (shelf === null) return;
  const without = (page: readonly Picture[]) => (page.some((one) => one.id === id) ? page.filter((one) => one.id !== id) : page);
  become({ ...shelf, pages: shelf.pages.map(without) });
}

/** Reads the next page, unless it is being read or there is none. */
export async function readOn(): Promise<void> {
  const before = shelf;
  if (before === null || before.next === null || before.state === "loading") return;
  become({ ...before, state: "loading" });
  try {
    const { images, next_cursor } = await listImages({ limit: PAGE, cursor: before.next });
    const here = shelf ?? before;
    become({ pages: [...here.pages, unknown(images.map(pictureOf), here)], next: next_cursor, state: "idle" });
  } catch {
    become({ ...(shelf ?? before), state: "failed" });
  }
}

function become(next: Shelf): void {
  shelf = next;
  for (const listener of listeners) listener();
}

function unknown(pictures: readonly Picture[], here: Shelf): Picture[] {
  const known = new Set(here.pages.flat().map(({ id }) => id));
  return pictures.filter(({ id }) => !known.has(id));
}

/** Pictures of one board, in the order of the list. */
export interface Sheet {
  readonly thread: string | null;
  readonly pictures: readonly Picture[];
}

const sheets = new WeakMap<readonly Picture[], Sheet[]>();

/** A page's pictures by their boards; the same objects for the same page, so that only what is new is drawn. */
export function sheetsOf(page: readonly Picture[]): Sheet[] {
  let cut = sheets.get(page);
  if (cut === undefined) {
    const boards = new Map<string | null, Picture[]>();
    for (const picture of page) boards.set(picture.thread, [...(boards.get(picture.thread) ?? []), picture]);
    cut = [...boards].map(([thread, pictures]) => ({ thread, pictures }));
    sheets.set(page, cut);
  }
  return cut;
}
