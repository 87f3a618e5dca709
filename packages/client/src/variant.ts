/**
 * Variants: which rendition of an image a URL asks for, and the widths that the server makes without
 * a signature. Called by `url.ts` and `srcset.ts`; knows nothing of hosts and paths.
 */
import type { ImageFormat } from "./types.js";

/** A rendition to ask for; what is left out the server decides. */
export interface Variant {
  /** Pixels from left to right, rounded up to one of `WIDTHS`. An image is never enlarged. */
  w?: number | undefined;
  /** Pixels from top to bottom, rounded up likewise; with one side the other follows. */
  h?: number | undefined;
  /** With both sides: fill the box, show all in a filled-up box, or be as large as it allows. */
  fit?: "cover" | "contain" | "inside" | undefined;
  dpr?: 1 | 1.5 | 2 | 3 | undefined;
  /** 1 to 100 from the server's list, or what looks like the original. */
  q?: number | "auto" | undefined;
  /** `auto`: AVIF for browsers that read it. */
  fm?: ImageFormat | "auto" | undefined;
  /** A name that the server gives to options. */
  preset?: string | undefined;
}

/** The widths that a server gives to anybody, unless it was told others. */
export const WIDTHS: readonly number[] = [
  32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840,
];

// In the order in which the server spells them.
const NAMES = ["preset", "w", "h", "fit", "dpr", "q", "fm"] as const;

/** `query` with what `variant` says laid over it; as it was where that is nothing, or it is signed. */
export function withVariant(query: string, variant: Variant): string {
  const parameters = new URLSearchParams(query);
  if (parameters.has("s")) return query;
  let text = query;
  for (const name of NAMES) {
    const value = variant[name];
    if (value === undefined) continue;
    const side = name === "w" || name === "h";
    parameters.set(
      name,
      `${side ? (WIDTHS.find((width) => width >= Number(value)) ?? 3840) : value}`,
    );
    text = `?${parameters}`;
  }
  return text;
}
