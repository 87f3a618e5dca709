/** Next.js: the configuration, the loader, and the route handler with its memory. */
import { existsSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import {
  createImageRoute,
  createWorkerRoute,
  type ImageRouteOptions,
  withOrbit,
} from "../src/next/index.js";
import loader from "../src/next/loader.js";
import { Lru } from "../src/next/lru.js";
import { type Answer, Line, problem, serve } from "./server.js";

type Rewrites = {
  beforeFiles?: unknown[];
  afterFiles?: unknown[];
  fallback: { source: string; destination: string }[];
};
// biome-ignore lint/suspicious/noExplicitAny: a configuration of any shape
type Made = any;

describe("withOrbit", () => {
  it("sends the client's paths to Orbit, after the app's own", async () => {
    const config: Made = withOrbit({ reactStrictMode: true }, { url: "http://orbit:8000/" });
    const rewrites: Rewrites = await config.rewrites();
    expect(Object.keys(rewrites)).toEqual(["fallback"]);
    expect(rewrites.fallback).toContainEqual({
      source: "/api/images/:id",
      destination: "http://orbit:8000/api/images/:id",
    });
    expect(config.reactStrictMode).toBe(true);
  });

  it("keeps rewrites that were there, as a list or by their place", async () => {
    const own = { source: "/a", destination: "/b" };
    const list: Made = withOrbit({ rewrites: async () => [own] });
    expect(await list.rewrites()).toMatchObject({ afterFiles: [own] });
    const placed: Made = withOrbit({
      rewrites: async () => ({ beforeFiles: [own], fallback: [own] }),
    });
    const { beforeFiles, fallback } = await placed.rewrites();
    expect([beforeFiles, fallback[0]]).toEqual([[own], own]);
  });

  it("takes a function, and the address from the environment", async () => {
    vi.stubEnv("ORBIT_URL", "http://elsewhere:1");
    const make: Made = withOrbit((phase: string) => ({ env: { phase } }));
    const config = await make("build", {});
    expect(config.env).toEqual({ phase: "build" });
    expect((await config.rewrites()).fallback[0].destination).toMatch(/^http:\/\/elsewhere:1\//);
  });

  it("gives next/image Orbit's loader and widths, unless the app has its own", () => {
    const { images }: Made = withOrbit({});
    expect(images.imageSizes.concat(images.deviceSizes)).toContain(256);
    expect(images.loaderFile).toMatch(/^\.\/.*loader\.js$/);
    expect(existsSync(images.loaderFile.replace(/\.js$/, ".ts"))).toBe(true);
    expect((withOrbit({ images: { loader: "akamai" } }) as Made).images).toEqual({
      loader: "akamai",
    });
    expect((withOrbit({}, { loader: false }) as Made).images).toEqual({});
  });
});

describe("the loader", () => {
  it("asks for a width that Orbit makes", () => {
    const src = "http://localhost:8000/images/hero";
    expect(loader({ src, width: 640 })).toBe("/api/images/hero?w=640");
    expect(loader({ src, width: 600, quality: 75 })).toBe("/api/images/hero?w=640&q=75");
  });

  it("leaves other pictures as they are", () => {
    expect(loader({ src: "/_next/static/logo.png", width: 64 })).toBe("/_next/static/logo.png");
  });
});

const BYTES = new Uint8Array(1000).fill(7);
function picture(headers: HeadersInit = {}): Response {
  return new Response(BYTES, {
    headers: {
      "content-type": "image/webp",
      "content-length": "1000",
      "cache-control": "public, max-age=3600, immutable",
      etag: '"one"',
      "set-cookie": "a=b",
      ...headers,
    },
  });
}

const served = () => picture();

function route(answers: Answer[], options: ImageRouteOptions = {}) {
  const asked = serve(...answers);
  const made = createImageRoute({ url: "http://orbit:8000", ...options });
  const get = async (path: string, headers: HeadersInit = {}, method = "GET") => {
    const request = new Request(`http://app/api/images/${path}`, { headers, method });
    const [imageId = ""] = path.split("?");
    const handler = method === "HEAD" ? made.HEAD : made.GET;
    const response = await handler(request, { params: Promise.resolve({ imageId }) });
    const body = new Uint8Array(await response.arrayBuffer());
    // The copy is kept as the last byte passes.
    await new Promise((resolve) => setImmediate(resolve));
    return {
      status: response.status,
      headers: response.headers,
      how: response.headers.get("x-cache"),
      body,
    };
  };
  return { ...made, asked, get };
}

describe("the route handler", () => {
  it("asks Orbit once and then answers from memory", async () => {
    const { get, asked, stats } = route([served]);
    const [first, second] = [await get("hero"), await get("hero.webp")];
    expect([first.how, second.how]).toEqual(["MISS", "HIT"]);
    expect([first.body, second.body]).toEqual([BYTES, BYTES]);
    expect(asked.map(({ url }) => url)).toEqual(["http://orbit:8000/images/hero"]);
    expect(second.headers.get("cache-control")).toBe("public, max-age=3600, immutable");
    expect([first.headers.get("set-cookie"), second.headers.get("set-cookie")]).toEqual([
      null,
      null,
    ]);
    expect(stats()).toEqual({ bytes: 1000, entries: 1 });
  });

  it("answers 304 to whoever has the same, on a hit and on a miss", async () => {
    const { get } = route([served]);
    const headers = { "if-none-match": 'W/"one", "two"' };
    const answers = [await get("hero", headers), await get("hero", headers)];
    expect(answers.map(({ status, body }) => [status, body.length])).toEqual([
      [304, 0],
      [304, 0],
    ]);
    expect(answers[1]?.headers.get("etag")).toBe('"one"');
    expect((await get("hero", { "if-none-match": '"two"' })).status).toBe(200);
  });

  it("makes one request of many at once", async () => {
    const { get, asked } = route([served]);
    const answers = await Promise.all([get("hero"), get("hero"), get("hero")]);
    expect(answers.map(({ how }) => how).sort()).toEqual(["COALESCED", "COALESCED", "MISS"]);
    for (const { body } of answers) expect(body).toEqual(BYTES);
    expect(asked).toHaveLength(1);
  });

  it("streams: the first bytes pass before the last have come", async () => {
    const line = new Line();
    const headers = { "content-type": "image/webp", "content-length": "6" };
    const { GET } = route([new Response(line.response.body, { headers })]);
    const params = { imageId: "hero" };
    const response = await GET(new Request("http://app/api/images/hero"), { params });
    const reader = response.body?.getReader();
    line.send("abc");
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("abc");
    line.send("def");
    line.end();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("def");
  });

  it("does not keep an answer that broke off", async () => {
    const short = () => picture({ "content-length": "2000" });
    const { get, stats } = route([short, served]);
    await get("hero");
    expect(stats().entries).toBe(0);
    expect((await get("hero")).how).toBe("MISS");
  });

  it("knows renditions apart, however their options are spelled", async () => {
    const { get, asked } = route([served]);
    const hows = [];
    for (const path of [
      "hero?w=64&q=75",
      "hero?q=75&w=64&utm=x&wait=5",
      "hero?w=96",
      "hero?w=64&q=75",
    ]) {
      hows.push((await get(path)).how);
    }
    expect(hows).toEqual(["MISS", "HIT", "MISS", "HIT"]);
    expect(asked).toHaveLength(2);
  });

  it("keeps two answers where the browser's Accept counts", async () => {
    const { get, asked } = route([served]);
    const hows = [];
    for (const accept of ["image/avif,*/*", "image/webp", "image/webp,*/*", "image/avif"]) {
      hows.push((await get("hero?fm=auto", { accept })).how);
    }
    expect(hows).toEqual(["MISS", "MISS", "HIT", "HIT"]);
    expect(asked[0]?.headers.get("accept")).toBe("image/avif,*/*");
  });

  it("asks with the ETag when a copy is old, and then knows it for good", async () => {
    const { get, asked } = route([served, () => new Response(null, { status: 304 })], { ttl: 0 });
    await get("hero");
    const again = await get("hero");
    expect([again.how, again.status]).toEqual(["HIT", 200]);
    expect(again.body).toEqual(BYTES);
    expect(asked[1]?.headers.get("if-none-match")).toBe('"one"');
  });

  it.each([
    ["is away", new TypeError("refused")],
    ["fails", () => problem(500, "internal")],
  ])("answers with an old copy where Orbit %s", async (_how, answer) => {
    const { get } = route([served, answer as Answer], { ttl: 0 });
    await get("hero");
    const again = await get("hero");
    expect([again.how, again.status, again.body]).toEqual(["STALE", 200, BYTES]);
  });

  it("says so where Orbit is away and nothing is kept", async () => {
    const { get } = route([new TypeError("refused")]);
    const { status, headers } = await get("hero");
    expect([status, headers.get("content-type")]).toEqual([502, "application/problem+json"]);
  });

  it.each([
    ["what is not there", () => problem(404, "not_found"), 404],
    ["what is still to come", () => problem(202, "pending", { "retry-after": "1" }), 202],
    ["what is private", () => picture({ "cache-control": "private" }), 200],
    ["what is no image", () => picture({ "content-type": "text/html" }), 200],
    ["what is larger than one may be", () => picture({ "content-length": "600000000" }), 200],
  ])("passes on and does not keep %s", async (_name, answer, status) => {
    const { get, asked, stats } = route([answer]);
    for (let turn = 0; turn < 2; turn++) expect((await get("hero")).status).toBe(status);
    expect([asked.length, stats().entries]).toEqual([2, 0]);
  });

  it("passes a range on, and keeps no part", async () => {
    const part = () =>
      new Response("ab", { status: 206, headers: { "content-range": "bytes 0-1/1000" } });
    const { get, asked, stats } = route([part]);
    const { status, headers } = await get("hero", { range: "bytes=0-1" });
    expect([status, headers.get("content-range"), stats().entries]).toEqual([
      206,
      "bytes 0-1/1000",
      0,
    ]);
    expect(asked[0]?.headers.get("range")).toBe("bytes=0-1");
  });

  it("answers HEAD with the length and without a body", async () => {
    const { get } = route([served]);
    await get("hero");
    const { headers, body, how } = await get("hero", {}, "HEAD");
    expect([headers.get("content-length"), body.length, how]).toEqual(["1000", 0, "HIT"]);
  });

  it("keeps so many bytes and no more, what was used last", async () => {
    const { get, stats } = route([served], { maxBytes: 2500, maxEntryBytes: 1000 });
    for (const id of ["a", "b", "a", "c"]) await get(id);
    expect(stats()).toEqual({ bytes: 2000, entries: 2 });
    expect([(await get("a")).how, (await get("b")).how]).toEqual(["HIT", "MISS"]);
  });

  it("forgets what was purged, and what was on its way then", async () => {
    let release = () => {};
    const slow = () =>
      new Promise<Response>((resolve) => {
        release = () => resolve(picture());
      });
    const { get, purge, stats } = route([served, served, slow]);
    await get("hero?w=64");
    await get("heroine");
    purge("hero");
    expect(stats().entries).toBe(1);
    const coming = get("hero");
    await new Promise((resolve) => setImmediate(resolve));
    purge();
    release();
    expect((await coming).body).toEqual(BYTES);
    expect(stats().entries).toBe(0);
  });

  it.each(["-x", "a%2Fb", "..", "a".repeat(129)])("does not ask for the id %j", async (id) => {
    const { get, asked } = route([served]);
    expect([(await get(id)).status, asked.length]).toEqual([404, 0]);
  });

  it("writes a line for each", async () => {
    const lines: string[] = [];
    const { get } = route([served], { log: (line) => lines.push(line) });
    await get("hero");
    await get("hero");
    expect(lines).toEqual([
      "[IMAGE CACHE] MISS: hero - Fetching from backend",
      "[IMAGE CACHE] HIT: hero",
    ]);
  });
});

describe("the memory", () => {
  it("counts what it holds", () => {
    const lru = new Lru<string>(10);
    lru.set("a", "1", 4);
    lru.set("a", "2", 6);
    lru.set("large", "3", 11);
    expect([lru.bytes, lru.size, lru.get("a")]).toEqual([6, 1, "2"]);
    lru.delete("a");
    lru.delete("a");
    expect([lru.bytes, lru.size]).toEqual([0, 0]);
  });
});

describe("the service worker's route", () => {
  it("serves a script with its options, that browsers ask for each time", async () => {
    const response = createWorkerRoute({ maxBytes: 5 }).GET();
    expect(await response.text()).toMatch(/^self\.ORBIT_WORKER = \{"maxBytes":5\};/);
    expect(response.headers.get("content-type")).toMatch(/^text\/javascript/);
    expect(response.headers.get("cache-control")).toBe("no-cache");
  });
});
