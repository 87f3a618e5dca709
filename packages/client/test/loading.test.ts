/** Preloading, and loading for a canvas, with a scripted `Image`: what is tried, and what is told. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadForCanvas, preloadImages } from "../src/index.js";
import { problem, serve } from "./server.js";

class FakeImage {
  static all: FakeImage[] = [];
  onload: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  crossOrigin: string | null = null;
  fetchPriority = "auto";
  decoding = "auto";
  decode = vi.fn(async () => {});
  #src = "";

  get src(): string {
    return this.#src;
  }

  set src(url: string) {
    if (url) FakeImage.all.push(this);
    this.#src = url;
  }

  finish(): void {
    if (this.src.includes("bad")) this.onerror?.(new Event("error"));
    else this.onload?.(new Event("load"));
  }
}

beforeEach(() => {
  FakeImage.all = [];
  vi.stubGlobal("Image", FakeImage);
});
afterEach(() => vi.unstubAllGlobals());
const settle = () => new Promise((resolve) => setImmediate(resolve));
const loading = () => FakeImage.all.filter(({ src }) => src);

describe("preloadImages", () => {
  it("loads each once, so many at a time, and tells what loaded and what failed", async () => {
    const urls = [
      "http://localhost:8000/images/a",
      "/api/images/bad",
      "/api/images/c",
      "/api/images/c",
    ];
    const done = preloadImages(urls, { concurrency: 2, priority: "low", w: 256 });
    await settle();
    expect(loading().map(({ src }) => src)).toEqual([
      "/api/images/a?w=256",
      "/api/images/bad?w=256",
    ]);
    expect(loading()[0]?.fetchPriority).toBe("low");
    while (loading().length < 3) {
      loading()[loading().length - 1]?.finish();
      await settle();
    }
    for (const image of loading()) image.finish();
    const { loaded, failed } = await done;
    expect(loaded.sort()).toEqual(["/api/images/c", "http://localhost:8000/images/a"]);
    expect(failed).toMatchObject([{ url: "/api/images/bad", error: { code: "unavailable" } }]);
  });

  it("stops when it is told to, and never rejects", async () => {
    const stop = new AbortController();
    const done = preloadImages(["/api/images/a", "/api/images/b"], {
      concurrency: 1,
      signal: stop.signal,
    });
    await settle();
    stop.abort();
    const { loaded, failed } = await done;
    expect(loaded).toEqual([]);
    expect(failed.map(({ url, error }) => [url, error.code])).toEqual([
      ["/api/images/a", "aborted"],
      ["/api/images/b", "aborted"],
    ]);
    expect(loading()).toEqual([]);
  });

  it("fails where there is no page", async () => {
    vi.stubGlobal("Image", undefined);
    expect((await preloadImages(["/api/images/a"])).failed).toHaveLength(1);
  });

  it("resolves for nothing", async () => {
    expect(await preloadImages([])).toEqual({ loaded: [], failed: [] });
  });
});

describe("loadForCanvas", () => {
  async function failing(url: string): Promise<Promise<HTMLImageElement>> {
    const done = loadForCanvas(url);
    done.catch(() => {});
    await settle();
    FakeImage.all[0]?.onerror?.(new Event("error"));
    return done;
  }

  it("gives the image decoded and with leave", async () => {
    const done = loadForCanvas("http://localhost:8000/images/a");
    await settle();
    const [image] = FakeImage.all;
    image?.finish();
    expect(await done).toBe(image);
    expect([image?.crossOrigin, image?.src]).toEqual(["anonymous", "/api/images/a"]);
    expect(image?.decode).toHaveBeenCalledOnce();
  });

  it("says that an image would taint the canvas", async () => {
    serve((request) => {
      if (request.mode === "no-cors") return new Response("");
      throw new TypeError("Failed to fetch");
    });
    await expect(failing("https://other.example/a.png")).rejects.toMatchObject({
      code: "tainted",
      message: expect.stringContaining("Access-Control-Allow-Origin"),
    });
  });

  it.each([
    [problem(404, "not_found"), "not_found"],
    [problem(202, "pending"), "pending"],
    [new TypeError("refused"), "unavailable"],
    [new Response("text"), "unsupported"],
  ])("says what else is wrong: %s", async (answer, code) => {
    serve(answer as Response);
    await expect(failing("/api/images/a")).rejects.toMatchObject({ code });
  });
});
