/**
 * Warms the browser's cache with images that a later view will want.
 *
 * By `Image` and not by `fetch`: an `<img>` sends an `Accept` of its own, and an answer that varies by it
 * would not be found again.
 */
import type { UrlOptions } from "./locate.js";
import { OrbitError } from "./problem.js";
import { getProxiedImageUrl } from "./url.js";
import type { Variant } from "./variant.js";

/** How images are preloaded. */
export interface PreloadOptions extends UrlOptions, Variant {
  /** How many load at once. Default: 6, as many as a browser opens connections. */
  concurrency?: number | undefined;
  /** Ends it: what has not loaded has failed. */
  signal?: AbortSignal | undefined;
  priority?: "high" | "low" | "auto" | undefined;
  /** As the `<img>` will have it, where that is on another origin. */
  crossOrigin?: "anonymous" | "use-credentials" | undefined;
}

/** What became of each URL, as it was given. */
export interface Preloaded {
  loaded: string[];
  failed: { url: string; error: OrbitError }[];
}

/** Loads images, each once; resolves when all have loaded or failed, and never rejects. */
export async function preloadImages(
  urls: Iterable<string>,
  options: PreloadOptions = {},
): Promise<Preloaded> {
  const waiting = [...new Set(urls)].values();
  const result: Preloaded = { loaded: [], failed: [] };
  const work = async (): Promise<void> => {
    for (const url of waiting) {
      try {
        await loadImage(getProxiedImageUrl(url, options), options);
        result.loaded.push(url);
      } catch (error) {
        result.failed.push({ url, error: error as OrbitError });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.concurrency ?? 6) }, work));
  return result;
}

/** Loads one image; rejects with an `OrbitError`. */
export function loadImage(url: string, options: PreloadOptions): Promise<HTMLImageElement> {
  const { signal, priority, crossOrigin } = options;
  return new Promise((resolve, reject) => {
    const fail = (): void =>
      reject(new OrbitError(signal?.aborted ? "aborted" : "unavailable", `${url} did not load`));
    if (signal?.aborted || typeof Image === "undefined") return fail();
    const image = new Image();
    const stop = (): void => {
      image.src = "";
      fail();
    };
    signal?.addEventListener("abort", stop);
    image.onload = image.onerror = (event) => {
      signal?.removeEventListener("abort", stop);
      if ((event as Event).type === "load") resolve(image);
      else fail();
    };
    if (priority) image.fetchPriority = priority;
    if (crossOrigin) image.crossOrigin = crossOrigin;
    image.decoding = "async";
    image.src = url;
  });
}
