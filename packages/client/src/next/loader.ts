"use client";
/**
 * The loader of `next/image`: each width is a variant of Orbit's own, and no optimizer is asked.
 * `withOrbit` sets it; by hand: `images: { loader: "custom", loaderFile: ".." }`.
 */
import { getProxiedImageUrl } from "../url.js";

/** What `next/image` asks a loader. */
export interface LoaderInput {
  src: string;
  width: number;
  quality?: number | undefined;
}

/** The URL of one width; of what is none of Orbit's images, the URL as it is. */
export default function orbitLoader({ src, width, quality }: LoaderInput): string {
  return getProxiedImageUrl(src, { w: width, q: quality });
}
