/**
 * Images for a canvas that is to be read back. A canvas that once drew a foreign image without leave
 * throws at `getImageData` and `toBlob`, long after the mistake; here the mistake is told at once.
 */

import { loadImage, type PreloadOptions } from "./preload.js";
import { type ErrorCode, OrbitError, problemOf } from "./problem.js";
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
    throw options.signal?.aborted ? error : await diagnose(target);
  }
}

// An image element does not say why it failed.
async function diagnose(url: string): Promise<OrbitError> {
  const tell = (code: ErrorCode, what: string): OrbitError =>
    new OrbitError(code, `${url} ${what}`);
  try {
    const response = await fetch(url);
    if (response.status !== 200) return await problemOf(response);
    return tell("unsupported", "is no image");
  } catch {
    return (await fetch(url, { mode: "no-cors" }).catch(() => null))
      ? tell("tainted", "taints a canvas: no Access-Control-Allow-Origin")
      : tell("unavailable", "did not load");
  }
}
