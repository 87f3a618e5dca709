/**
 * Rewrites the image URLs in an event of a thread's stream. Called by `thread.ts` with each event, and
 * by apps that read a stream by themselves; it reads none.
 */
import type { UrlOptions } from "./locate.js";
import type { OrbitEvent } from "./types.js";
import { getProxiedImageUrl } from "./url.js";

interface Linked {
  url?: string;
  variants?: Linked[];
}

/** A deep copy of `event` in which each `url` of an image is the edge's; `event` stays as it was. */
export function rewriteEventUrls<E extends OrbitEvent>(event: E, options: UrlOptions = {}): E {
  const copy = structuredClone(event);
  const rewrite = (image: Linked | undefined): void => {
    if (image?.url) image.url = getProxiedImageUrl(image.url, options);
    image?.variants?.forEach(rewrite);
  };
  // An image is told of by its place, its metadata, or a list of that.
  const { data }: { data: Linked & { image?: Linked; images?: Linked[] } } = copy as never;
  for (const image of [data, data.image, ...(data.images ?? [])]) rewrite(image);
  return copy;
}
