/**
 * Images for a canvas that is to be read back. A canvas that once drew a foreign image without leave
 * throws at `getImageData` and `toBlob`, long after the mistake; here the mistake is told at once.
 */

import { loadImage, type PreloadOptions } from "./preload.js";
import { OrbitError, problemOf } from "./problem.js";
import { getProxiedImageUrl } from "./url.js";

/** How an image for a canvas is loaded. */
export type CanvasOptions = Omit<PreloadOptions, "concurrency" | "crossOrigin">;

/**
 * The image, decoded, and such that a canvas stays readable. Rejects with an `OrbitError`: `tainted`
 * where the image's server gives no leave (CORS), else what the server said.
 */
export async function loadForCanvas(
  url: string,
  options: CanvasOptions = {},
): Promise<HTMLImageElement> {
  const target = getProxiedImageUrl(url, options);
  try {
    const image = await loadImage(target, { ...options, crossOrigin: "anonymous" });
    await image.decode();
    return image;
  } catch (error) {
    if ((error as OrbitError).code === "aborted") throw error;
    throw await diagnose(target, options.signal ?? null);
  }
}

// An image element does not say why it failed.
async function diagnose(url: string, signal: AbortSignal | null): Promise<OrbitError> {
  try {
    const response = await fetch(url, { signal });
    if (response.status !== 200) return await problemOf(response);
    return new OrbitError("unsupported", `${url} is no image that this browser can decode`, 200);
  } catch {
    const reached = await fetch(url, { mode: "no-cors", signal }).catch(() => null);
    if (signal?.aborted) return new OrbitError("aborted", `${url} was not loaded: aborted`);
    if (!reached) return new OrbitError("unavailable", `${url}: no answer`);
    const advice =
      "load it through your own origin (getProxiedImageUrl) or let that server send Access-Control-Allow-Origin";
    return new OrbitError("tainted", `${url} would taint the canvas: ${advice}`);
  }
}
