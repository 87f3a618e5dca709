/**
 * How an image is shown, whoever shows it: from what is known of it to the attributes of its elements.
 * Called by `react/image.tsx` and `element/index.ts`; makes no element itself.
 *
 * Three layers, each over the one before, so that a page works without scripts too: the placeholder as
 * the frame's background, a thumbnail, the image.
 */
import type { UrlOptions } from "./locate.js";
import { placeholderDataUrl } from "./placeholder.js";
import { imageSrcSet } from "./srcset.js";
import type { ImageFormat, Placeholder } from "./types.js";
import { getProxiedImageUrl, imageIdFromUrl } from "./url.js";

/** How far an image has come; `gone` means purged. */
export type ImageState = "placeholder" | "thumbnail" | "loaded" | "error" | "gone";

/** What is known of an image, and how it is wanted. */
export interface ViewOptions extends UrlOptions {
  src: string;
  width: number | undefined;
  height: number | undefined;
  /** The server's, a ThumbHash in base64, or a `data:` URL. */
  placeholder?: Placeholder | string | null | undefined;
  color?: string | undefined;
  sizes?: string | undefined;
  quality?: number | "auto" | undefined;
  format?: ImageFormat | "auto" | undefined;
  /** The width of the thumbnail; false for none. */
  thumbnail?: number | false | undefined;
}

/** The attributes of the elements. */
export interface View {
  id: string | null;
  src: string;
  srcSet: string | undefined;
  sizes: string | undefined;
  /** The URL of the thumbnail, if one is to be shown. */
  thumbnail: string | undefined;
  /** CSS of the frame. */
  aspectRatio: string | undefined;
  backgroundColor: string | undefined;
  backgroundImage: string | undefined;
}

const THUMBNAIL = 256;

/** Works out the attributes. */
export function viewOf(options: ViewOptions): View {
  const { src, width, height, sizes, placeholder, quality: q, format: fm } = options;
  const urls = { origins: options.origins, base: options.base, q, fm };
  const id = imageIdFromUrl(src, urls);
  const srcSet = sizes === undefined ? "" : imageSrcSet(src, { ...urls, width });
  const small = options.thumbnail ?? (srcSet ? false : THUMBNAIL);
  const worthIt = small !== false && id !== null && (width === undefined || width > small * 2);
  const server = typeof placeholder === "object" ? placeholder : null;
  const picture = server ? server.data_url : (placeholder as string | null | undefined);
  const data = picture?.startsWith("data:") === false ? placeholderDataUrl(picture) : picture;
  return {
    id,
    src: getProxiedImageUrl(src, urls),
    srcSet: srcSet || undefined,
    sizes: srcSet ? sizes : undefined,
    // Without options of its own, for the edge has this one before anybody asks.
    thumbnail: worthIt
      ? getProxiedImageUrl(src, { origins: options.origins, base: options.base, w: small })
      : undefined,
    aspectRatio: width && height ? `${width} / ${height}` : undefined,
    backgroundColor: options.color ?? server?.color,
    // Quoted, and a quote ends no string in a data: URL that we or the server made.
    backgroundImage: data ? `url("${data.replace(/["\\\n]/g, encodeURIComponent)}")` : undefined,
  };
}

/** Milliseconds before the next try after so many failures. */
export function retryDelay(failures: number): number {
  return 500 * 2 ** failures;
}

/** Whether a purge at `at` took what was made at `createdAt`; where that is not known, it did. */
export function wasPurged(createdAt: string | undefined, at: number): boolean {
  const made = Date.parse(createdAt ?? "");
  return Number.isNaN(made) || made <= at;
}
