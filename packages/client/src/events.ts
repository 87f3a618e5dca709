/**
 * Rewrites the image URLs in an event of a thread's stream. Called by `thread.ts` with each event, and
 * by apps that read a stream by themselves; it reads none.
 */
import type { UrlOptions } from "./locate.js";
import type { OrbitEvent } from "./types.js";
import { getProxiedImageUrl } from "./url.js";

interface Linked {
  url: string;
  variants?: Linked[];
}

/** A deep copy of `event` in which each `url` of an image is the edge's; `event` stays as it was. */
export function rewriteEventUrls<E extends OrbitEvent>(event: E, options: UrlOptions = {}): E {
  const copy = structuredClone(event);
  const rewrite = (image: Linked): void => {
    image.url = getProxiedImageUrl(image.url, options);
    image.variants?.forEach(rewrite);
  };
  imagesOf(copy).forEach(rewrite);
  return copy;
}

function imagesOf(event: OrbitEvent): Linked[] {
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
