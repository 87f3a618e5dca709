/**
 * What lies on a board: the pictures that the page's HTML brought, and what the thread's events tell, as one list of slots
 * whose order never changes while the page is open. Pure.
 */
import type { Job } from "orbit-images";
import type { ThreadItem } from "orbit-images/react";
import type { Slot } from "@/components/board/frame";
import { type Picture, pictureOf } from "./pictures";

/** The slots of a board: first what was there, then what came, in the order of its coming. */
export function slotsOf(first: readonly Picture[], items: readonly ThreadItem[], job: Job | null, gone: ReadonlySet<string>): Slot[] {
  const slots = new Map<string, Slot>();
  for (const picture of first) {
    if (!gone.has(picture.id)) slots.set(picture.id, ready(picture, false));
  }
  for (const item of items) {
    // What the HTML brought stays as it is: events tell of it again.
    if (slots.has(item.id)) continue;
    slots.set(item.id, item.image ? ready(pictureOf(item.image), true) : unfinished(item));
  }
  for (const { id, index } of job?.images ?? []) {
    if (!slots.has(id) && !gone.has(id)) slots.set(id, { ...EMPTY, key: id, id, style: styleIn(id), status: "queued", live: index >= 0 });
  }
  return [...slots.values()];
}

const EMPTY: Omit<Slot, "key" | "id" | "style" | "status" | "live"> = { preview: null, picture: null, problem: null };

function ready(picture: Picture, live: boolean): Slot {
  return { key: picture.id, id: picture.id, style: picture.style, status: "ready", preview: null, picture, problem: null, live };
}

function unfinished({ id, status, preview, error }: ThreadItem): Slot {
  return { key: id, id, style: styleIn(id), status, preview, picture: null, problem: error?.message ?? null, live: true };
}

/** An id that Orbit made begins with the style. */
function styleIn(id: string): string | null {
  return id.includes("_") ? (id.split("_")[0] ?? null) : null;
}
