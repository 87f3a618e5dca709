/**
 * orbit-images/react: components and hooks. Each file is a client component by itself, so that a server
 * component can import from here and hand over plain props.
 */
export type { ImageState } from "../view.js";
export { type ImageLike, OrbitImage, type OrbitImageProps } from "./image.js";
export type { ThreadItem } from "./thread-items.js";
export { type UsedImage, useImage } from "./use-image.js";
export { type Thread, type UseThreadOptions, useThread } from "./use-thread.js";
