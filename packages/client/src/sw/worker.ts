/**
 * orbit-images/sw/worker: what the service worker does. `orbit-sw.js` is this and nothing else; a worker
 * of your own calls `installOrbitWorker(self)`.
 *
 * 1. An image whose answer is `immutable` is its content's name: it is answered from what is kept, for as
 *    long as the answer said, and then asked about once. Other images are asked for first.
 * 2. Pages, scripts, styles and lists are asked for first, and answered from what is kept where there is
 *    no network. Of what is immutable no one is asked.
 * 3. What was purged is dropped here, in the browser's cache, and by the other pages, who are told.
 *
 * `no-store`, and requests that bear a token, leave no trace. A new version takes over at once.
 */
import type { PurgeMessage } from "../purge.js";
import { wasPurged } from "../view.js";
import type { WorkerOptions } from "./options.js";
import { Pages } from "./pages.js";
import type { Client, PageFetch, PageMessage, WorkerScope } from "./scope.js";
import { ImageStore, pathOf } from "./store.js";

export type { WorkerOptions } from "./options.js";

// Of what is kept; another one drops everything that older workers kept.
const FORMAT = 1;
const IMAGES = `orbit-images-${FORMAT}`;
const PREFIX = "orbit-";
const IMAGE_PATH = /^(?:\/[^?]*)?\/images\/([A-Za-z0-9][A-Za-z0-9_-]{0,127})(?:\.webp)?$/;

/** Gives a worker its work. `scope` is its `self`. */
export function installOrbitWorker(scope: object, options: WorkerOptions = {}): void {
  const self = scope as WorkerScope;
  const { maxBytes = 128 * 1024 * 1024, maxCount = 1000, maxPages = 200, version = "" } = options;
  const pagesName = `orbit-pages-${FORMAT}-${version}`;
  const images = new Images(
    self,
    new ImageStore(() => self.caches.open(IMAGES), maxBytes, maxCount),
  );
  const pages = new Pages(self, pagesName, maxPages);

  self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
  self.addEventListener("activate", (event) =>
    event.waitUntil(
      (async () => {
        for (const name of await self.caches.keys()) {
          const old = name.startsWith(PREFIX) && name !== IMAGES && name !== pagesName;
          if (old) await self.caches.delete(name);
        }
        await self.clients.claim();
      })(),
    ),
  );
  self.addEventListener("fetch", (event) => {
    const { request } = event;
    const url = new URL(request.url);
    if (request.method !== "GET" || url.origin !== self.location.origin) return;
    if (["range", "authorization"].some((name) => request.headers.has(name))) return;
    if (request.cache === "no-store" || request.cache === "only-if-cached") return;
    const [, id] = IMAGE_PATH.exec(url.pathname) ?? [];
    if (id !== undefined && request.mode !== "navigate")
      event.respondWith(images.answer(event, id, url));
    else if (pages.wants(request, url)) event.respondWith(pages.answer(event));
  });
  self.addEventListener("message", (event) => {
    const message = event.data as Partial<PurgeMessage> | { type: "orbit:stats" } | null;
    if (message?.type === "orbit:purge")
      event.waitUntil(images.purge(message as PurgeMessage, event));
    if (message?.type === "orbit:stats") {
      event.waitUntil(
        images.store.stats().then((stats) => event.ports[0]?.postMessage({ version, ...stats })),
      );
    }
  });
}

class Images {
  readonly store: ImageStore;
  readonly #self: WorkerScope;
  /** When ids were purged, by the server's clock: an answer that was on its way then is not kept. */
  readonly #purged = new Map<string, number>();

  constructor(self: WorkerScope, store: ImageStore) {
    this.#self = self;
    this.store = store;
  }

  async answer(event: PageFetch, id: string, url: URL): Promise<Response> {
    const { request } = event;
    // How long to wait is no part of the image's name.
    const asked = new URL(url);
    asked.searchParams.delete("wait");
    const key = pathOf(asked.href);
    const reload = request.cache === "reload" || request.cache === "no-cache";
    const kept = reload ? null : await this.store.get(key, Date.now()).catch(() => null);
    if (kept && isFresh(kept.response, kept.stored, Date.now())) return kept.response;
    // What the browser itself keeps may be what was purged.
    const doubtful = kept !== null || this.#purged.has(id);
    try {
      const response = await this.#self.fetch(
        doubtful ? new Request(request.url, { cache: "no-cache" }) : request,
      );
      if (response.status === 404 || response.status === 410) {
        event.waitUntil(this.store.delete((path) => path === key));
      } else if (mayKeep(response)) {
        event.waitUntil(this.#keep(key, id, response.clone()));
      } else if (kept && response.status >= 500) return kept.response;
      return response;
    } catch (error) {
      if (kept) return kept.response;
      throw error;
    }
  }

  async #keep(key: string, id: string, response: Response): Promise<void> {
    const isGone = (): boolean => isPurged(response, this.#purged.get(id));
    // Where there is no room after all, the image is shown and not kept.
    await this.store.put(key, response, Date.now(), isGone).catch(() => {});
  }

  async purge({ id, at }: PurgeMessage, { source }: PageMessage): Promise<void> {
    this.#purged.set(id, Math.max(at, this.#purged.get(id) ?? 0));
    const gone = await this.store.delete(
      (path, response) =>
        IMAGE_PATH.exec(new URL(path, this.#self.location.href).pathname)?.[1] === id &&
        isPurged(response, at),
    );
    const others = (await this.#self.clients.matchAll()).filter(
      (client: Client) => client.id !== source?.id,
    );
    for (const client of others)
      client.postMessage({ type: "orbit:purge", id, at } satisfies PurgeMessage);
    // The answer, not found, takes the place of the image in the browser's own cache.
    await Promise.allSettled(gone.map((path) => this.#self.fetch(path, { cache: "reload" })));
  }
}

function isPurged(response: Response, at: number | undefined): boolean {
  return at !== undefined && wasPurged(response.headers.get("last-modified") ?? undefined, at);
}

function mayKeep(response: Response): boolean {
  const { status, headers } = response;
  if (status !== 200 || !headers.get("content-type")?.startsWith("image/")) return false;
  // A minute is for a preview, and for what something better will take the place of.
  const lasting = maxAgeOf(response) > 60;
  return lasting && !/no-store|private/.test(headers.get("cache-control") ?? "");
}

function isFresh(response: Response, stored: number, now: number): boolean {
  const immutable = /\bimmutable\b/.test(response.headers.get("cache-control") ?? "");
  return immutable && now - stored < maxAgeOf(response) * 1000;
}

function maxAgeOf(response: Response): number {
  const control = response.headers.get("cache-control") ?? "";
  return Number(/\bmax-age=(\d+)/.exec(control)?.[1] ?? 0);
}
