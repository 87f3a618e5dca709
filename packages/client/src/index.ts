/**
 * orbit-images: what a web app needs to load Orbit's images from its own origin.
 *
 * - `url.ts`: from a backend's URL to the edge's; built on `locate.ts`, which reads URLs apart
 * - `events.ts`: the same for the images in an event
 * - `types.ts`: the wire contract
 */
export { rewriteEventUrls } from "./events.js";
export type { UrlOptions } from "./locate.js";
export type * from "./types.js";
export { getProxiedImageUrl, imageIdFromUrl, isProxiedImageUrl } from "./url.js";
