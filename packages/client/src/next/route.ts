/**
 * A route handler that serves images with a memory of its own, for hosts where no Orbit edge can run.
 *
 * 1. The id and the query make the key, as at the edge.
 * 2. A fresh copy answers; so does one that is being fetched for somebody else.
 * 3. Else Orbit is asked, with the ETag of a stale copy. What comes is streamed on and kept as it goes.
 * 4. Where Orbit fails, a stale copy is better than none.
 *
 * It hears of no purge by itself: `purge()`, or a shorter `ttl`. Web APIs only, so it runs in every runtime.
 */

import {
  answer,
  type Copy,
  copyOf,
  isFresh,
  passOn,
  problem,
  refreshed,
  type XCache,
} from "./copy.js";
import { Lru } from "./lru.js";

/** How images are served. */
export interface ImageRouteOptions {
  /** Where Orbit is. Default: `ORBIT_URL` in the environment, else `http://127.0.0.1:8000`. */
  url?: string;
  /** The most bytes that are kept. Default: 256 MiB. */
  maxBytes?: number;
  /** The most bytes of one image that is kept. Default: an eighth of `maxBytes`. */
  maxEntryBytes?: number;
  /** The most seconds before Orbit is asked again; less where Orbit says so. Default: 3600. */
  ttl?: number;
  /** Gets a line for each image, as in `[IMAGE CACHE] HIT: hero_recycle_7f3k`. Default: nobody. */
  log?: (line: string) => void;
}

/** What Next hands to the handler of `[imageId]`. */
export interface ImageRouteContext {
  params: Promise<{ imageId: string }> | { imageId: string };
}

type Handler = (request: Request, context: ImageRouteContext) => Promise<Response>;

/** The handlers, and what an app may do with their memory. */
export interface ImageRoute {
  GET: Handler;
  HEAD: Handler;
  /** Forgets an image and its variants, or all. */
  purge: (id?: string) => void;
  stats: () => { bytes: number; entries: number };
}

const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
const OPTIONS = "preset w h fit dpr q fm anim enlarge max_bytes gamut exp s".split(" ");
const STALE_IF_ERROR_MS = 24 * 3600 * 1000;

/** Makes the handlers, with one memory between them. */
export function createImageRoute(options: ImageRouteOptions = {}): ImageRoute {
  const route = new Route(options);
  return {
    GET: (request, context) => route.serve(request, context),
    HEAD: (request, context) => route.serve(request, context),
    purge: (id) => route.purge(id),
    stats: () => ({ bytes: route.copies.bytes, entries: route.copies.size }),
  };
}

class Route {
  readonly copies: Lru<Copy>;
  /** What is being fetched, by key. A purge takes it out, and then its copy is not kept. */
  readonly #coming = new Map<string, Promise<Copy | null>>();
  readonly #url: string;
  readonly #ttlMs: number;
  readonly #maxEntryBytes: number;
  readonly #log: (line: string) => void;

  constructor(options: ImageRouteOptions) {
    const { maxBytes = 256 * 1024 * 1024, maxEntryBytes = maxBytes / 8, ttl = 3600 } = options;
    const url = options.url ?? globalThis.process?.env.ORBIT_URL ?? "http://127.0.0.1:8000";
    this.copies = new Lru(maxBytes);
    this.#url = url.replace(/\/+$/, "");
    this.#ttlMs = ttl * 1000;
    this.#maxEntryBytes = maxEntryBytes;
    this.#log = options.log ?? (() => {});
  }

  purge(id?: string): void {
    for (const key of [...this.copies.keys(), ...this.#coming.keys()]) {
      if (id !== undefined && !key.startsWith(`${id}?`)) continue;
      this.copies.delete(key);
      this.#coming.delete(key);
    }
  }

  async serve(request: Request, context: ImageRouteContext): Promise<Response> {
    const imageId = (await context.params).imageId.replace(/\.webp$/, "");
    if (!ID.test(imageId)) return problem(404, "not_found", "that is no id of an image");
    const { searchParams } = new URL(request.url);
    const key = keyOf(imageId, searchParams, request.headers.get("accept") ?? "");
    const tell = (copy: Copy, how: XCache): Response => {
      this.#log(`[IMAGE CACHE] ${how}: ${imageId}`);
      return answer(copy, request, how);
    };
    const held = this.copies.get(key);
    if (held && isFresh(held, Date.now())) return tell(held, "HIT");
    // Nothing may be awaited between looking and fetching, or two would fetch.
    const coming = this.#coming.get(key);
    const joined = coming && (await coming);
    if (joined) return tell(joined, "COALESCED");
    this.#log(`[IMAGE CACHE] MISS: ${imageId} - Fetching from backend`);
    return this.#fetch(
      key,
      `${imageId}${searchParams.size ? `?${searchParams}` : ""}`,
      request,
      held,
      tell,
    );
  }

  async #fetch(
    key: string,
    path: string,
    request: Request,
    held: Copy | undefined,
    tell: (copy: Copy, how: XCache) => Response,
  ): Promise<Response> {
    // Part of an image, or its header alone, is nothing to keep.
    const partial = request.method === "HEAD" || request.headers.has("range");
    let settle: (copy: Copy | null) => void = () => {};
    const coming = new Promise<Copy | null>((resolve) => {
      settle = resolve;
    });
    if (!partial) this.#coming.set(key, coming);
    const end = (copy: Copy | null): void => {
      if (this.#coming.get(key) === coming) {
        this.#coming.delete(key);
        if (copy) this.copies.set(key, copy, copy.body.byteLength);
      }
      settle(copy);
    };
    let response: Response;
    try {
      response = await fetch(`${this.#url}/images/${path}`, upstreamRequest(request, held));
    } catch {
      end(null);
      return this.#fallback(held, tell) ?? problem(502, "unavailable", "Orbit does not answer");
    }
    if (response.status === 304 && held) {
      const copy = refreshed(held, response, Date.now(), this.#ttlMs);
      end(copy);
      return tell(copy, "HIT");
    }
    const spare = response.status >= 500 ? this.#fallback(held, tell) : undefined;
    if (spare) {
      end(null);
      await response.body?.cancel();
      return spare;
    }
    if (response.status === 404 || response.status === 410) this.copies.delete(key);
    return partial ? passOn(response, request) : this.#keep(response, request, end);
  }

  /** Streams an answer on, and keeps it as it goes if it may be kept. */
  #keep(response: Response, request: Request, end: (copy: Copy | null) => void): Response {
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const copy = copyOf(response, Date.now(), this.#ttlMs);
    if (!copy || !(length <= this.#maxEntryBytes) || !response.body) {
      end(null);
      return passOn(response, request);
    }
    const [kept, sent] = response.body.tee();
    new Response(kept).arrayBuffer().then(
      // An answer that broke off is told so by its length.
      (body) => end(body.byteLength === length ? { ...copy, body } : null),
      () => end(null),
    );
    return passOn(new Response(sent, response), request);
  }

  #fallback(
    held: Copy | undefined,
    tell: (copy: Copy, how: XCache) => Response,
  ): Response | undefined {
    const usable = held && Date.now() - held.until < STALE_IF_ERROR_MS;
    return usable ? tell(held, "STALE") : undefined;
  }
}

/** What makes a rendition another one, in one spelling: the order and what Orbit does not know are nothing. */
function keyOf(id: string, query: URLSearchParams, accept: string): string {
  const known = OPTIONS.flatMap((name) => query.getAll(name).map((value) => `${name}=${value}`));
  // Only then does Orbit look at what the browser accepts.
  const negotiated = query.get("fm") === "auto" || query.has("preset");
  if (negotiated) known.push(accept.includes("image/avif") ? "avif" : "webp");
  return `${id}?${known.join("&")}`;
}

function upstreamRequest(request: Request, held: Copy | undefined): RequestInit {
  const headers = new Headers();
  const etag = held?.headers.get("etag");
  for (const name of ["accept", "range", "if-range"]) {
    const value = request.headers.get(name);
    if (value) headers.set(name, value);
  }
  if (etag && !headers.has("range")) headers.set("if-none-match", etag);
  // Next's own cache keeps base64, and nothing large.
  return { method: request.method, headers, cache: "no-store", redirect: "manual" };
}
