/**
 * The images that a service worker keeps: at most so many, of at most so many bytes together; what was
 * shown last stays. Called by `worker.ts`; knows no network.
 *
 * The Cache API tells neither sizes nor times, so a table of them is kept beside, as one more entry of the
 * same cache. It may be older than the entries, for a worker ends without notice: at the start the two are
 * compared, and the entries are right.
 */

interface Row {
  bytes: number;
  /** Milliseconds since 1970. */
  stored: number;
  used: number;
}

/** A kept image, and when it was kept. */
export interface Kept {
  response: Response;
  stored: number;
}

const TABLE = "/orbit-sw-table.json";
// A table that only tells of use is written so seldom.
const LAZY_MS = 30_000;

/** The images of one worker. */
export class ImageStore {
  readonly #open: () => Promise<Cache>;
  readonly #maxBytes: number;
  readonly #maxCount: number;
  #rows: Promise<Map<string, Row>> | null = null;
  /** What changes the cache waits for what did so before. */
  #queue: Promise<unknown> = Promise.resolve();
  #written = 0;

  constructor(open: () => Promise<Cache>, maxBytes: number, maxCount: number) {
    this.#open = open;
    this.#maxBytes = maxBytes;
    this.#maxCount = maxCount;
  }

  async stats(): Promise<{ bytes: number; count: number }> {
    const rows = await this.#load();
    return { bytes: totalOf(rows), count: rows.size };
  }

  async get(url: string, now: number): Promise<Kept | null> {
    const [cache, rows] = await Promise.all([this.#open(), this.#load()]);
    const response = await cache.match(url, { ignoreVary: true });
    const row = rows.get(url);
    if (!response || !row) return null;
    row.used = now;
    if (now - this.#written > LAZY_MS) this.#change(() => this.#write(now));
    return { response, stored: row.stored };
  }

  /** Keeps an image, unless it is larger than all room or `isGone` by the time that it is its turn. */
  put(url: string, response: Response, now: number, isGone: () => boolean): Promise<void> {
    return this.#change(async () => {
      const { status, headers } = response;
      const body = await response.arrayBuffer();
      const bytes = body.byteLength;
      if (bytes > this.#maxBytes || isGone()) return;
      const [cache, rows] = await Promise.all([this.#open(), this.#load()]);
      await this.#makeRoom(bytes, url);
      await cache.put(url, new Response(body, { status, headers }));
      rows.set(url, { bytes, stored: now, used: now });
      await this.#write(now);
    });
  }

  /** Says that a kept image is as good as new. */
  async renew(url: string, now: number): Promise<void> {
    const row = (await this.#load()).get(url);
    if (row) row.stored = now;
  }

  /** Removes what `isMeant`; gives the URLs that were there. */
  delete(isMeant: (url: string, response: Response) => boolean): Promise<string[]> {
    return this.#change(async () => {
      const [cache, rows] = await Promise.all([this.#open(), this.#load()]);
      const gone: string[] = [];
      for (const url of rows.keys()) {
        const response = await cache.match(url, { ignoreVary: true });
        if (response && !isMeant(url, response)) continue;
        await cache.delete(url, { ignoreVary: true });
        rows.delete(url);
        gone.push(url);
      }
      if (gone.length > 0) await this.#write(Date.now());
      return gone;
    });
  }

  async #makeRoom(bytes: number, url: string): Promise<void> {
    const [cache, rows] = await Promise.all([this.#open(), this.#load()]);
    rows.delete(url);
    const byUse = [...rows].sort(([, a], [, b]) => a.used - b.used);
    let total = totalOf(rows) + bytes;
    for (const [oldest, row] of byUse) {
      if (total <= this.#maxBytes && rows.size < this.#maxCount) return;
      total -= row.bytes;
      rows.delete(oldest);
      await cache.delete(oldest, { ignoreVary: true });
    }
  }

  #load(): Promise<Map<string, Row>> {
    this.#rows ??= this.#read();
    return this.#rows;
  }

  async #read(): Promise<Map<string, Row>> {
    const cache = await this.#open();
    const table = await cache.match(TABLE);
    const known = new Map<string, Row>(await table?.json().catch(() => []));
    const rows = new Map<string, Row>();
    for (const { url } of await cache.keys()) {
      const path = pathOf(url);
      if (path === TABLE) continue;
      const bytes = known.has(path) ? 0 : ((await (await cache.match(path))?.blob())?.size ?? 0);
      rows.set(path, known.get(path) ?? { bytes, stored: 0, used: 0 });
    }
    return rows;
  }

  async #write(now: number): Promise<void> {
    const [cache, rows] = await Promise.all([this.#open(), this.#load()]);
    this.#written = now;
    await cache.put(TABLE, Response.json([...rows]));
  }

  #change<T>(how: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(how);
    this.#queue = done.catch(() => {});
    return done;
  }
}

/** Path and query: how entries are named. */
export function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function totalOf(rows: Map<string, Row>): number {
  return [...rows.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}
