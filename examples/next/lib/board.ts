/**
 * What lies on a board: the pictures that the page's HTML brought, and what the thread's events tell, as one list of slots
 * whose order never changes while the page is open. Pure.
 */
import type { Job } from "orbit-images";
import type { ThreadItem } from "orbit-images/react";
import type { Slot } from "@/components/board/frame";
import { type Picture, pictureOf } from "./pictures";
import { styleName } from "./words";

/** The slots of a board: first what was there, then what came, in the order of its coming. */
export function slotsOf(first: readonly Picture[], items: readonly ThreadItem[], job: Job | null, gone: ReadonlySet<string>): Slot[] {
  const slots = new Map<string, Slot>();
  for (const picture of first) {
    if (!gone.has(picture.id)) slots.set(picture.id, ready(picture, false));
  }
  for (const { id } of job?.images ?? []) {
    if (!slots.has(id) && !gone.has(id)) slots.set(id, { ...EMPTY, key: id, id, style: styleIn(id), status: "queued", live: true });
  }
  for (const item of items) {
    const key = item.id || item.key;
    // What the HTML brought stays as it is: events tell of it again. All else is filled in where it has its place.
    if (slots.get(key)?.live === false) continue;
    slots.set(key, item.image ? ready(pictureOf(item.image), true) : unfinished(item));
  }
  const all = [...slots.values()];
  const takes = takesOf(all);
  return all.map((slot) => ({ ...slot, take: takes.get(slot.id) ?? 1 }));
}

/** Of each picture, the how many-th of its style it is on its board. */
export function takesOf(all: readonly { id: string; style: string | null }[]): Map<string, number> {
  const counts = new Map<string | null, number>();
  return new Map(all.map(({ id, style }) => {
    counts.set(style, (counts.get(style) ?? 0) + 1);
    return [id, counts.get(style) ?? 1];
  }));
}

/** What a picture is called among those of its board, which have a title in common. */
export function captionOf(style: string | null, take: number): string {
  return `${styleName(style)}, take ${take}`;
}

const EMPTY: Omit<Slot, "key" | "id" | "style" | "status" | "live"> = { take: 1, preview: null, picture: null, problem: null };

function ready(picture: Picture, live: boolean): Slot {
  return { key: picture.id, id: picture.id, style: picture.style, status: "ready", take: 1, preview: null, picture, problem: null, live };
}

function unfinished({ key, id, status, preview, error }: ThreadItem): Slot {
  return { key: id || key, id, style: styleIn(id), status, take: 1, preview, picture: null, problem: error?.message ?? null, live: true };
}

/** An id that Orbit made begins with the style. */
function styleIn(id: string): string | null {
  return id.includes("_") ? (id.split("_")[0] ?? null) : null;
}
