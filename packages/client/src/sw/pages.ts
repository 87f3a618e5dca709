/**
 * Pages, scripts, styles and lists that were seen, so that a page can be loaded again without a network.
 * Called by `worker.ts`. Asked for first, all but what says that it never changes.
 */
import type { PageFetch, WorkerScope } from "./scope.js";

const PARTS = ["script", "style", "font", "manifest", "worker"];
// What the client asks of a server: lists and metadata.
const LISTS = /^(?:\/[^?]*)?\/images(?:\/[\w-]+\/meta)?$/;

/** What is kept of an app beside its images. */
export class Pages {
  readonly #self: WorkerScope;
  readonly #name: string;
  readonly #most: number;

  constructor(self: WorkerScope, name: string, most: number) {
    this.#self = self;
    this.#name = name;
    this.#most = most;
  }

  wants({ mode, destination, headers }: Request, { pathname }: URL): boolean {
    // An app that comes to a page without loading it asks for it by a fetch, so that it can be loaded later.
    const isPage = mode === "navigate" || headers.get("accept")?.startsWith("text/html") === true;
    return isPage || PARTS.includes(destination) || LISTS.test(pathname);
  }

  async answer(event: PageFetch): Promise<Response> {
    const { request } = event;
    const cache = await this.#self.caches.open(this.#name);
    // A list may vary by who asks; here it is always the same one.
    const kept = await cache.match(request.url, { ignoreVary: true });
    const forced = request.cache === "reload" || request.cache === "no-cache";
    if (kept && !forced && /\bimmutable\b/.test(kept.headers.get("cache-control") ?? ""))
      return kept;
    try {
      const response = await this.#self.fetch(request);
      if (mayKeep(response)) event.waitUntil(this.#keep(cache, request.url, response.clone()));
      return response;
    } catch (error) {
      if (kept) return kept;
      throw error;
    }
  }

  async #keep(cache: Cache, url: string, response: Response): Promise<void> {
    try {
      await cache.put(url, response);
      const keys = await cache.keys();
      // In the order in which they came.
      for (const old of keys.slice(0, Math.max(0, keys.length - this.#most)))
        await cache.delete(old);
    } catch {
      // No room: it was shown, and is not kept.
    }
  }
}

// A redirect may not answer a navigation once more.
function mayKeep({ status, redirected, type, headers }: Response): boolean {
  if (status !== 200 || redirected || type !== "basic") return false;
  return !/no-store/.test(headers.get("cache-control") ?? "");
}
