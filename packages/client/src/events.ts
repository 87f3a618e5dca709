/**
 * Rewrites the image URLs in an event of a thread's stream. Called by apps with each event that they
 * parsed; it reads no stream itself.
 */
import type { UrlOptions } from "./locate.js";
import type { OrbitEvent } from "./types.js";
import { getProxiedImageUrl } from "./url.js";

/** A deep copy of `event` in which each image's `url` is the edge's; `event` stays as it was. */
export function rewriteEventUrls<E extends OrbitEvent>(event: E, options: UrlOptions = {}): E {
  const copy = structuredClone(event);
  for (const image of imagesOf(copy)) image.url = getProxiedImageUrl(image.url, options);
  return copy;
}

function imagesOf(event: OrbitEvent): { url: string }[] {
  switch (event.event) {
    case "concept_started":
    case "concept_preview":
      return [event.data];
    case "concept_progress":
      return [event.data.image];
    case "concepts_generated":
      return event.data.images;
    default:
      return [];
  }
}
