/**
 * The `srcset` of an image: a few widths, so that browsers choose, and so few that caches hold them.
 */
import type { UrlOptions } from "./locate.js";
import { getProxiedImageUrl, imageIdFromUrl } from "./url.js";
import type { Variant } from "./variant.js";

/** What a `srcset` offers. */
export interface SrcSetOptions extends UrlOptions, Pick<Variant, "q" | "fm"> {
  /** The image's own width: the set ends with the image itself, for nothing is enlarged. */
  width?: number | undefined;
  /** The widths to offer, of `WIDTHS`. */
  widths?: readonly number[] | undefined;
}

// The edge has 256 before anybody asks; each step is about half as many pixels again or more.
const OFFERED = [128, 256, 384, 640, 1080, 1920, 3840];

/** A `srcset` of the image's widths; empty where `url` names no image of Orbit. */
export function imageSrcSet(url: string, options: SrcSetOptions = {}): string {
  if (imageIdFromUrl(url, options) === null) return "";
  const { width, widths = OFFERED, ...rest } = options;
  const smaller = widths.filter((w) => !width || w < width);
  const set = smaller.map((w) => `${getProxiedImageUrl(url, { ...rest, w })} ${w}w`);
  if (width) set.push(`${getProxiedImageUrl(url, rest)} ${width}w`);
  return set.join(", ");
}
