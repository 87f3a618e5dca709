/** The service worker, with caches of the test's own and a scripted network: what is kept, and what is not. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readOptions, type WorkerOptions, writeOptions } from "../src/sw/options.js";
import { installOrbitWorker } from "../src/sw/worker.js";

const ORIGIN = "http://page.example";
const MADE = "Sat, 28 Nov 2026 10:00:00 GMT";
const url = (path: string): string => new URL(path, ORIGIN).href;

/** As much of the Cache API as is used. */
class FakeCache {
  readonly entries = new Map<string, { response: Response; body: ArrayBuffer }>();
  async match(request: string | Request): Promise<Response | undefined> {
    const entry = this.entries.get(url(typeof request === "string" ? request : request.url));
    if (!entry) return undefined;
    const { status, headers } = entry.response;
    return new Response(entry.body, { status, headers });
  }
  async put(request: string, response: Response): Promise<void> {
    this.entries.set(url(request), { response, body: await response.arrayBuffer() });
  }
  async delete(request: string | Request): Promise<boolean> {
    return this.entries.delete(url(typeof request === "string" ? request : request.url));
  }
  async keys(): Promise<Request[]> {
    return [...this.entries.keys()].map((key) => new Request(key));
  }
}

/** As much of a service worker's scope as is used, and a network by path. */
class FakeScope {
  readonly stored = new Map<string, FakeCache>();
  readonly network = new Map<string, () => Response>();
  readonly asked: [string, string][] = [];
  readonly told: unknown[] = [];
  readonly location = { href: `${ORIGIN}/orbit-sw.js`, origin: ORIGIN };
  readonly skipWaiting = vi.fn(async () => {});
  readonly clients = {
    claim: vi.fn(async () => {}),
    matchAll: async () =>
      [1, 2].map((id) => ({ id: `${id}`, postMessage: (m: unknown) => this.told.push([id, m]) })),
  };
  readonly caches = {
    open: async (name: string) => {
      const cache = this.stored.get(name) ?? new FakeCache();
      this.stored.set(name, cache);
      return cache;
    },
    keys: async () => [...this.stored.keys()],
    delete: async (name: string) => this.stored.delete(name),
  };
  offline = false;
  readonly #listeners = new Map<string, (event: object) => void>();

  addEventListener(name: string, listener: (event: object) => void): void {
    this.#listeners.set(name, listener);
  }

  fetch = async (input: string | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(typeof input === "string" ? url(input) : input, init);
    const path = request.url.slice(ORIGIN.length);
    this.asked.push([path, request.cache]);
    if (this.offline) throw new TypeError("offline");
    const response = this.network.get(path)?.() ?? new Response("", { status: 404 });
    Object.defineProperty(response, "type", { value: "basic" });
    return response;
  };

  /** Sends an event, and waits for all that it began; gives the answer, if there was one. */
  async send(name: string, event: object = {}): Promise<Response | undefined> {
    const work: Promise<unknown>[] = [];
    let answer: Promise<Response> | undefined;
    const waitUntil = (promise: Promise<unknown>) => work.push(promise);
    const respondWith = (promise: Promise<Response>) => {
      answer = promise;
    };
    this.#listeners.get(name)?.({ waitUntil, respondWith, ...event });
    const response = await answer;
    await Promise.all(work);
    return response;
  }

  /** What a page gets, be it from the worker or past it. */
  async get(path: string, init: RequestInit = {}, more: object = {}): Promise<Response> {
    const request = new Request(url(path), init);
    for (const [name, value] of Object.entries(more))
      Object.defineProperty(request, name, { value });
    const answer = await this.send("fetch", { request });
    return answer ?? Promise.reject(new Error("the worker leaves it to the browser"));
  }
}

function picture(size = 100, headers: HeadersInit = {}): () => Response {
  return () =>
    new Response(new Uint8Array(size), {
      headers: {
        "content-type": "image/webp",
        "cache-control": "public, max-age=3600, immutable",
        "last-modified": MADE,
        ...headers,
      },
    });
}

function worker(options: WorkerOptions = {}, scope = new FakeScope()): FakeScope {
  installOrbitWorker(scope, options);
  return scope;
}

const ONE = "/api/images/one";
const stats = async (scope: FakeScope) => {
  const postMessage = vi.fn();
  await scope.send("message", { data: { type: "orbit:stats" }, ports: [{ postMessage }] });
  return postMessage.mock.calls[0]?.[0];
};
const purge = (scope: FakeScope, id: string, at: string) =>
  scope.send("message", {
    data: { type: "orbit:purge", id, at: Date.parse(at) },
    source: { id: "1" },
  });

beforeEach(() => vi.useFakeTimers({ now: Date.parse("2026-11-28T12:00:00Z"), toFake: ["Date"] }));
afterEach(() => vi.useRealTimers());

describe("an image that names its content", () => {
  it("is asked for once, and is there without a network", async () => {
    const scope = worker();
    scope.network.set(ONE, picture());
    expect((await scope.get(ONE)).status).toBe(200);
    scope.offline = true;
    expect((await (await scope.get(`${ONE}?wait=5`)).arrayBuffer()).byteLength).toBe(100);
    expect(scope.asked).toHaveLength(1);
  });

  it("is asked about when its time has passed, and shown all the same without a network", async () => {
    const scope = worker();
    scope.network.set(ONE, picture());
    await scope.get(ONE);
    vi.setSystemTime("2026-11-28T13:00:01Z");
    await scope.get(ONE);
    expect(scope.asked[1]).toEqual([ONE, "no-cache"]);
    await scope.get(ONE);
    expect(scope.asked).toHaveLength(2);
    vi.setSystemTime("2026-11-28T15:00:00Z");
    scope.offline = true;
    expect((await scope.get(ONE)).status).toBe(200);
  });

  it("is loaded anew where the page wants that", async () => {
    const scope = worker();
    scope.network.set(ONE, picture());
    await scope.get(ONE);
    await scope.get(ONE, { cache: "reload" });
    expect(scope.asked).toHaveLength(2);
  });

  it("is gone where the server says so", async () => {
    const scope = worker();
    scope.network.set(ONE, picture());
    await scope.get(ONE);
    scope.network.clear();
    expect((await scope.get(ONE, { cache: "reload" })).status).toBe(404);
    expect(await stats(scope)).toMatchObject({ count: 0, bytes: 0 });
  });
});

describe("what is not kept", () => {
  it.each([
    ["a preview", picture(100, { "cache-control": "public, max-age=60" })],
    ["what is private", picture(100, { "cache-control": "private, max-age=3600" })],
    ["what is not to be stored", picture(100, { "cache-control": "no-store" })],
    ["what is still to come", () => new Response("{}", { status: 202 })],
    ["what is no image", picture(100, { "content-type": "text/html" })],
    ["what is larger than all room", picture(2000)],
  ])("%s", async (_name, answer) => {
    const scope = worker({ maxBytes: 1000 });
    scope.network.set(ONE, answer);
    await scope.get(ONE);
    expect(await stats(scope)).toMatchObject({ count: 0 });
  });

  it.each([
    ["a part", ONE, { headers: { range: "bytes=0-1" } }],
    ["what needs a token", ONE, { headers: { authorization: "Bearer x" } }],
    ["what is posted", "/images", { method: "POST" }],
    ["what the page wants unkept", ONE, { cache: "no-store" as const }],
    ["another host's image", "https://other.example/api/images/one", {}],
    ["an event stream", "/threads/t/events", {}],
  ])("nor touched: %s", async (_name, path, init) => {
    await expect(worker().get(path, init)).rejects.toThrow("leaves it to the browser");
  });

  it("an image that was replaced is asked for first", async () => {
    const scope = worker();
    scope.network.set(ONE, picture(100, { "cache-control": "public, max-age=3600" }));
    await scope.get(ONE);
    await scope.get(ONE);
    expect(scope.asked).toHaveLength(2);
    scope.offline = true;
    expect((await scope.get(ONE)).status).toBe(200);
  });
});

describe("bounds", () => {
  it.each([[{ maxBytes: 250 }], [{ maxCount: 2 }]])(
    "hold, and what was shown last stays: %j",
    async (options) => {
      const scope = worker(options);
      for (const id of ["one", "two", "three"]) scope.network.set(`/api/images/${id}`, picture());
      for (const [second, id] of ["one", "two", "one", "three"].entries()) {
        vi.setSystemTime(Date.parse("2026-11-28T12:00:00Z") + second * 1000);
        await scope.get(`/api/images/${id}`);
      }
      expect(await stats(scope)).toMatchObject({ count: 2, bytes: 200 });
      scope.offline = true;
      expect((await scope.get(ONE)).status).toBe(200);
      await expect(scope.get("/api/images/two")).rejects.toThrow("offline");
    },
  );

  it("are known to the next worker, whatever became of the table", async () => {
    const scope = worker();
    scope.network.set(ONE, picture());
    await scope.get(ONE);
    expect(await stats(worker({}, scope))).toMatchObject({ count: 1, bytes: 100 });
    scope.stored.get("orbit-images-1")?.delete("/orbit-sw-table.json");
    expect(await stats(worker({}, scope))).toMatchObject({ count: 1, bytes: 100 });
  });
});

describe("a purge", () => {
  it("drops an image and its variants here and in the browser, and tells the other pages", async () => {
    const scope = worker();
    for (const path of [ONE, `${ONE}?w=64`, "/images/one", "/api/images/two"]) {
      scope.network.set(path, picture());
      await scope.get(path);
    }
    scope.network.clear();
    scope.asked.length = 0;
    await purge(scope, "one", "2026-11-28T11:00:00Z");
    expect(await stats(scope)).toMatchObject({ count: 1 });
    expect(scope.asked.sort()).toEqual(
      ["/api/images/one", "/api/images/one?w=64", "/images/one"].map((path) => [path, "reload"]),
    );
    expect(scope.told).toEqual([
      [2, { type: "orbit:purge", id: "one", at: Date.parse("2026-11-28T11:00:00Z") }],
    ]);
  });

  it("leaves what was made after it: a stream tells old news first", async () => {
    const scope = worker();
    scope.network.set(ONE, picture());
    await scope.get(ONE);
    await purge(scope, "one", "2026-11-28T09:00:00Z");
    expect(await stats(scope)).toMatchObject({ count: 1 });
  });

  it("is not undone by an answer that was on its way", async () => {
    const scope = worker();
    scope.network.set(ONE, picture());
    await purge(scope, "one", "2026-11-28T11:00:00Z");
    await scope.get(ONE);
    expect(scope.asked).toEqual([[ONE, "no-cache"]]);
    expect(await stats(scope)).toMatchObject({ count: 0 });
  });
});

describe("pages", () => {
  const page =
    (text: string, headers: HeadersInit = {}) =>
    () =>
      new Response(text, { headers });
  const navigate = { mode: "navigate", destination: "document" };

  it("are asked for first, and shown as they were without a network", async () => {
    const scope = worker();
    scope.network.set("/", page("old"));
    await scope.get("/", {}, navigate);
    scope.network.set("/", page("new"));
    expect(await (await scope.get("/", {}, navigate)).text()).toBe("new");
    scope.offline = true;
    expect(await (await scope.get("/", {}, navigate)).text()).toBe("new");
    await expect(scope.get("/never-seen", {}, navigate)).rejects.toThrow("offline");
  });

  it("that a router came to can be asked for by hand, and then be loaded", async () => {
    const scope = worker();
    scope.network.set("/board", page("a board"));
    await scope.get("/board", { headers: { accept: "text/html" } });
    scope.offline = true;
    expect(await (await scope.get("/board", {}, navigate)).text()).toBe("a board");
  });

  it("of what never changes nobody is asked twice", async () => {
    const scope = worker();
    scope.network.set(
      "/_next/static/a.js",
      page("1", { "cache-control": "public, max-age=31536000, immutable" }),
    );
    for (let turn = 0; turn < 2; turn++)
      await scope.get("/_next/static/a.js", {}, { destination: "script" });
    expect(scope.asked).toHaveLength(1);
  });

  it("lists and metadata are there without a network too", async () => {
    const scope = worker();
    for (const path of ["/images?limit=5", "/images/one/meta"]) {
      scope.network.set(path, page("[]", { "cache-control": "private, no-cache" }));
      await scope.get(path);
    }
    scope.offline = true;
    expect((await scope.get("/images?limit=5")).status).toBe(200);
    expect((await scope.get("/images/one/meta")).status).toBe(200);
  });

  it("what is not to be stored is not", async () => {
    const scope = worker();
    scope.network.set("/", page("secret", { "cache-control": "private, no-store" }));
    await scope.get("/", {}, navigate);
    scope.offline = true;
    await expect(scope.get("/", {}, navigate)).rejects.toThrow("offline");
  });

  it("are so many and no more", async () => {
    const scope = worker({ maxPages: 2 });
    for (const path of ["/a", "/b", "/c"]) {
      scope.network.set(path, page(path));
      await scope.get(path, {}, navigate);
    }
    expect(scope.stored.get("orbit-pages-1-")?.entries.size).toBe(2);
  });
});

describe("another version", () => {
  it("takes over at once, drops the old pages and what older formats kept, and leaves the images", async () => {
    const scope = worker({ version: "2" });
    for (const name of [
      "orbit-images-0",
      "orbit-images-1",
      "orbit-pages-1-1",
      "orbit-pages-1-2",
      "the-app's",
    ]) {
      await scope.caches.open(name);
    }
    await scope.send("install");
    await scope.send("activate");
    expect([...scope.stored.keys()]).toEqual(["orbit-images-1", "orbit-pages-1-2", "the-app's"]);
    expect(scope.skipWaiting).toHaveBeenCalledOnce();
    expect(scope.clients.claim).toHaveBeenCalledOnce();
    expect(await stats(scope)).toMatchObject({ version: "2" });
  });
});

describe("options", () => {
  it("go through a script's URL unharmed", () => {
    const options = { maxBytes: 5, maxPages: 3, version: "a&b" };
    const query = new URLSearchParams();
    writeOptions(options, query);
    expect(readOptions(query)).toEqual(options);
    expect(readOptions(new URLSearchParams("maxBytes=-1&maxCount=x"))).toEqual({});
  });
});
