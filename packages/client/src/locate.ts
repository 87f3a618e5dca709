/**
 * Tells what a URL is to Orbit: an image at the origin, an image at the edge, or neither. `url.ts`
 * decides what to do with the answer; nothing else reads URLs apart.
 *
 * 1. Take the configured base off: what is left can only be an edge path.
 * 2. Parse as a browser would, so that a trick with backslashes or user names fools neither.
 * 3. Ask whether the host is Orbit's.
 * 4. Match the path.
 */

/** Which URLs are Orbit's, and where its edge is. */
export interface UrlOptions {
  /**
   * Backend origins that serve Orbit's images, as in `https://images.example.com`. Default: any
   * port of `localhost`, `127.0.0.1` and `[::1]`. Paths without a host count in any case.
   */
  origins?: readonly string[] | undefined;
  /** What goes before `/api/images/`: an origin or a path. Default: nothing, the page's own origin. */
  base?: string | undefined;
}

/** An image that a URL names. */
export interface Located {
  id: string;
  /** With its question mark; empty without a query. */
  query: string;
  /** `origin`: `/images/{id}`; `edge`: `/api/images/{id}`. */
  at: "origin" | "edge";
  /** True for a path without a host and without the base. */
  relative: boolean;
}

const IMAGE_PATH = /^(\/api)?\/images\/([A-Za-z0-9][A-Za-z0-9_-]{0,127})(?:\.webp)?$/;
const LOOPBACK: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
// A host follows: browsers drop tabs and line ends, and read a backslash as a slash.
const SCHEME_RELATIVE = /^\/[\t\r\n]*[/\\]/;
// A reserved name (RFC 2606) that lends paths a host to be parsed with.
const NOWHERE = "http://relative.invalid";

/** The image that `url` names, or null where it names none of Orbit's. */
export function locate(url: string, options: UrlOptions): Located | null {
  const text = url.trim();
  const base = trimBase(options.base);
  if (base !== "" && text.startsWith(`${base}/`)) {
    const found = match(parsePath(text.slice(base.length)), false);
    if (found?.at === "edge") return found;
  }
  if (/^https?:/i.test(text)) return match(ours(text, options.origins), false);
  if (!text.startsWith("/")) return null;
  if (!SCHEME_RELATIVE.test(text)) return match(parsePath(text), true);
  // The scheme is the page's, which is not known here: either will do.
  const found = ours(`http:${text}`, options.origins) ?? ours(`https:${text}`, options.origins);
  return match(found, false);
}

/** The base without slashes at its end. */
export function trimBase(base = ""): string {
  return base.replace(/\/+$/, "");
}

function match(url: URL | null, relative: boolean): Located | null {
  const [, api, id] = (url && IMAGE_PATH.exec(url.pathname)) ?? [];
  if (!url || id === undefined) return null;
  return { id, query: url.search, at: api ? "edge" : "origin", relative };
}

function ours(text: string, origins: readonly string[] | undefined): URL | null {
  const url = parse(text);
  if (!url) return null;
  const known = origins
    ? origins.some((origin) => parse(origin)?.origin === url.origin)
    : LOOPBACK.includes(url.hostname);
  return known ? url : null;
}

function parsePath(text: string): URL | null {
  return SCHEME_RELATIVE.test(text) ? null : parse(text, NOWHERE);
}

function parse(text: string, base?: string): URL | null {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}
