/**
 * orbit-images: what a web app needs to load Orbit's images from its own origin.
 *
 * - `url.ts`: from a backend's URL to the edge's; built on `locate.ts`, which reads URLs apart, and
 *   `variant.ts`, which says what may be asked for; `srcset.ts` and `placeholder.ts` for markup
 * - `preload.ts`, `canvas.ts`: loading outside of markup
 * - `api.ts`: requests to the server; `problem.ts`: its one error
 * - `thread.ts`: a thread's events as they come; built on `sse.ts` and `events.ts`
 * - `purge.ts`: word of purged images inside the page
 * - `types.ts`: the wire contract
 *
 * Nothing happens at import, and a bundler keeps what is used.
 */
export { type Concept, type GenerateRequest, generate, type ServerOptions } from "./api.js";
export { type CanvasOptions, loadForCanvas } from "./canvas.js";
export { rewriteEventUrls } from "./events.js";
export type { UrlOptions } from "./locate.js";
export { placeholderDataUrl } from "./placeholder.js";
export { type Preloaded, type PreloadOptions, preloadImages } from "./preload.js";
export { type ErrorCode, OrbitError } from "./problem.js";
export { onPurge, type PurgeListener } from "./purge.js";
export { imageSrcSet, type SrcSetOptions } from "./srcset.js";
export {
  type StreamState,
  subscribeToThread,
  type ThreadHandlers,
  type ThreadOptions,
  type ThreadSubscription,
} from "./thread.js";
export type * from "./types.js";
export { getProxiedImageUrl, imageIdFromUrl, isProxiedImageUrl } from "./url.js";
export { type Variant, WIDTHS } from "./variant.js";
