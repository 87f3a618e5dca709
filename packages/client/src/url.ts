/**
 * URL rewriting: from where the backend says that an image is to where the page should load it, the
 * edge on its own origin. Called by apps, and by `events.ts` for what a stream brings.
 *
 * All functions are total: a string that is no URL, or not one of Orbit's, comes back as it was.
 * None knows the network.
 */
import { locate, trimBase, type UrlOptions } from "./locate.js";
import { type Variant, withVariant } from "./variant.js";

/**
 * The edge's URL of an image: `{base}/api/images/{id}`, without the hash, with the query and what a
 * variant's options lay over it. Any string that names no image of Orbit comes back unchanged, and
 * so does one at the edge already, unless options ask for a variant.
 */
export function getProxiedImageUrl(url: string, options: UrlOptions & Variant = {}): string {
  const image = locate(url, options);
  if (!image) return url;
  const base = trimBase(options.base);
  const query = withVariant(image.query, options);
  if (image.at === "edge" && !(image.relative && base !== "")) {
    return query === image.query ? url : url.trim().replace(/[?#].*$/s, "") + query;
  }
  return `${base}/api/images/${image.id}${query}`;
}

/** True where `url` is an image's URL at the edge. */
export function isProxiedImageUrl(url: string, options: UrlOptions = {}): boolean {
  return locate(url, options)?.at === "edge";
}

/** The id of the image that `url` names, at the origin or at the edge; null where it names none. */
export function imageIdFromUrl(url: string, options: UrlOptions = {}): string | null {
  return locate(url, options)?.id ?? null;
}
