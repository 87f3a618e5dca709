/**
 * URL rewriting: from where the backend says that an image is to where the page should load it, the
 * edge on its own origin. Called by apps, and by `events.ts` for what a stream brings.
 *
 * All functions are total: a string that is no URL, or not one of Orbit's, comes back as it was.
 * None knows the network.
 */
import { locate, trimBase, type UrlOptions } from "./locate.js";

/**
 * The edge's URL of an image: `{base}/api/images/{id}`, with the query and without the hash. Any
 * string that names no image of Orbit, or one at the edge already, comes back unchanged.
 */
export function getProxiedImageUrl(url: string, options: UrlOptions = {}): string {
  const image = locate(url, options);
  if (!image) return url;
  const base = trimBase(options.base);
  const needsBase = image.relative && base !== "";
  if (image.at === "edge" && !needsBase) return url;
  return `${base}/api/images/${image.id}${image.query}`;
}

/** True where `url` is an image's URL at the edge. */
export function isProxiedImageUrl(url: string, options: UrlOptions = {}): boolean {
  return locate(url, options)?.at === "edge";
}

/** The id of the image that `url` names, at the origin or at the edge; null where it names none. */
export function imageIdFromUrl(url: string, options: UrlOptions = {}): string | null {
  return locate(url, options)?.id ?? null;
}
