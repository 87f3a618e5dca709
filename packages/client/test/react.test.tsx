// @vitest-environment happy-dom
/** The React components and hooks, in happy-dom: images load when the test says so. */
import { act, type ReactElement } from "react";
import { createRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { announcePurge } from "../src/purge.js";
import {
  OrbitImage,
  type Thread,
  type UsedImage,
  useImage,
  useThread,
} from "../src/react/index.js";
import { type ThreadItems, withEvent, withJob } from "../src/react/thread-items.js";
import type { ImageMetadata, Job, OrbitEvent } from "../src/types.js";
import { readCases } from "./contract.js";
import { Line, problem, serve } from "./server.js";

const [meta] = readCases<{ json: ImageMetadata }>("metadata").map(({ json }) => json);
if (!meta) throw new Error("there is no golden metadata");
const image = { ...meta, url: `http://localhost:8000/images/${meta.id}` };
const PLACE = `/api/images/${meta.id}`;

let root: Root;
let page: HTMLElement;
beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers();
  HTMLImageElement.prototype.decode = async () => {};
  vi.spyOn(HTMLImageElement.prototype, "complete", "get").mockReturnValue(false);
  page = document.body.appendChild(document.createElement("div"));
  root = createRoot(page);
});
afterEach(async () => {
  await act(async () => root.unmount());
  page.remove();
  vi.useRealTimers();
});

const show = (element: ReactElement) => act(async () => root.render(element));
const frame = () => page.querySelector<HTMLElement>(".orbit-image") as HTMLElement;
const images = () => [...page.querySelectorAll("img")];
const full = () => images().at(-1) as HTMLImageElement;
const fire = (element: Element, event: string) =>
  act(async () => element.dispatchEvent(new Event(event)));
const wait = (ms: number) => act(async () => void (await vi.advanceTimersByTimeAsync(ms)));

describe("OrbitImage", () => {
  it("has its shape and its placeholder before anything has loaded, on the server too", () => {
    const html = renderToString(<OrbitImage image={image} alt="a fox" />);
    expect(html).toContain("aspect-ratio:1024 / 1024");
    expect(html).toContain(image.placeholder.color);
    expect(html).toContain(image.placeholder.data_url);
    expect(html).toContain(`src="${PLACE}"`);
    expect(html).toContain('loading="lazy"');
    expect(html).toContain('alt="a fox"');
  });

  it("goes from placeholder to thumbnail to image", async () => {
    const states: string[] = [];
    await show(<OrbitImage image={image} alt="a fox" onState={(state) => states.push(state)} />);
    expect(images().map((one) => one.getAttribute("src"))).toEqual([`${PLACE}?w=256`, PLACE]);
    expect(images()[0]?.getAttribute("aria-hidden")).toBe("true");
    await fire(images()[0] as Element, "load");
    expect(frame().dataset.state).toBe("thumbnail");
    await fire(full(), "load");
    expect(images()).toHaveLength(1);
    expect(frame().style.backgroundImage).toBe("");
    expect(states).toEqual(["thumbnail", "loaded"]);
  });

  it("offers widths where it is told how wide it is shown, and then no thumbnail", async () => {
    await show(
      <OrbitImage image={image} alt="" sizes="50vw" quality={75} format="auto" base="/cdn" />,
    );
    expect(images()).toHaveLength(1);
    expect(full().getAttribute("sizes")).toBe("50vw");
    expect(full().getAttribute("srcset")).toContain(`/cdn${PLACE}?w=640&q=75&fm=auto 640w`);
  });

  it("takes src, sides and a ThumbHash one by one, and puts the rest on its frame", async () => {
    await show(
      <OrbitImage
        src="/images/x"
        width={300}
        height={200}
        placeholder={image.placeholder.thumbhash}
        alt=""
        className="mine"
        data-x="1"
        style={{ width: 50 }}
        fit="contain"
      />,
    );
    expect(frame().className).toBe("orbit-image mine");
    expect(frame().dataset.x).toBe("1");
    expect(frame().style.width).toBe("50px");
    expect(frame().style.backgroundImage).toContain("data:image/bmp");
    expect(full().style.objectFit).toBe("contain");
  });

  it("loads at once and before others with priority", async () => {
    await show(<OrbitImage image={image} alt="" priority lazy="100px" />);
    expect([full().getAttribute("loading"), full().getAttribute("fetchpriority")]).toEqual([
      "eager",
      "high",
    ]);
  });

  it("with a margin of its own waits until it comes near", async () => {
    let come: (entries: object[]) => void = () => {};
    const options: unknown[] = [];
    vi.stubGlobal(
      "IntersectionObserver",
      class {
        constructor(callback: typeof come, given: unknown) {
          come = callback;
          options.push(given);
        }
        observe() {}
        disconnect() {}
      },
    );
    await show(<OrbitImage image={image} alt="" lazy="300px" />);
    expect(images()).toHaveLength(0);
    await act(async () => come([{ isIntersecting: true }]));
    expect(images()).toHaveLength(2);
    expect(options).toEqual([{ rootMargin: "300px" }]);
  });

  it("tries again, later and later, then shows a button that tries once more", async () => {
    await show(<OrbitImage image={image} alt="a fox" thumbnail={false} />);
    const tried = new Set<Element>();
    for (const ms of [500, 1000]) {
      tried.add(full());
      await fire(full(), "error");
      await wait(ms);
    }
    tried.add(full());
    await fire(full(), "error");
    expect(tried.size).toBe(3);
    expect(frame().dataset.state).toBe("error");
    const button = page.querySelector("button") as HTMLButtonElement;
    expect(button.getAttribute("aria-label")).toContain("a fox");
    await act(async () => button.click());
    expect(frame().dataset.state).toBe("placeholder");
    await fire(full(), "load");
    expect(frame().dataset.state).toBe("loaded");
  });

  it("tries again when the network is back", async () => {
    await show(
      <OrbitImage
        image={image}
        alt=""
        retries={0}
        renderError={(retry) => (
          <a onClick={retry} href="/">
            again
          </a>
        )}
      />,
    );
    await fire(full(), "error");
    expect(page.textContent).toBe("again");
    await act(async () => window.dispatchEvent(new Event("online")));
    expect(frame().dataset.state).toBe("placeholder");
  });

  it("goes when it is purged, but not by a purge from before it was made", async () => {
    await show(<OrbitImage image={image} alt="" renderGone={() => "gone"} />);
    const made = Date.parse(image.created_at);
    await act(async () => announcePurge(image.id, made - 1));
    await act(async () => announcePurge("another", made + 1));
    expect(images()).not.toHaveLength(0);
    await act(async () => announcePurge(image.id, made + 1));
    expect([images().length, frame().dataset.state, page.textContent]).toEqual([0, "gone", "gone"]);
  });

  it("begins anew with another image", async () => {
    await show(<OrbitImage image={image} alt="" />);
    await fire(full(), "load");
    await show(<OrbitImage image={{ ...image, url: "/api/images/other" }} alt="" />);
    expect(frame().dataset.state).toBe("placeholder");
  });

  it("knows an image that loaded before the page was hydrated", async () => {
    const complete = vi.spyOn(HTMLImageElement.prototype, "complete", "get").mockReturnValue(true);
    vi.spyOn(HTMLImageElement.prototype, "naturalWidth", "get").mockReturnValue(9);
    vi.spyOn(HTMLImageElement.prototype, "currentSrc", "get").mockReturnValue(PLACE);
    await show(<OrbitImage image={image} alt="" />);
    expect(complete).toHaveBeenCalled();
    expect(frame().dataset.state).toBe("loaded");
  });
});

const events = readCases<OrbitEvent & { name: string }>("events");
const named = <E extends OrbitEvent["event"]>(name: E) =>
  events.filter(({ event }) => event === name) as unknown as Extract<OrbitEvent, { event: E }>[];
const jobs = readCases<{ json: Job }>("job").map(({ json }) => json);

describe("a thread's items", () => {
  it("have a place for each concept at once, filled in as it comes, whatever comes first", () => {
    const job = jobs[0] as Job;
    let items: ThreadItems = withJob([], job);
    expect(items.map(({ status, id }) => [status, id])).toEqual(
      job.images.map(({ id }) => ["queued", id]),
    );
    const [started] = named("concept_started");
    if (!started) throw new Error("there is no golden event");
    const data = { ...started.data, job: job.job, index: 0 };
    items = withEvent(items, { event: "concept_started", data });
    expect(items[0]?.status).toBe("drawing");
    expect(withJob(items, job)).toEqual(items);
    const [progress] = named("concept_progress");
    const done = { ...(progress as NonNullable<typeof progress>).data, job: job.job, index: 0 };
    items = withEvent(items, { event: "concept_progress", data: done });
    expect(items[0]).toMatchObject({ status: "ready", image: done.image, key: `${job.job}:0` });
    expect(items).toHaveLength(job.total);
    items = withEvent(items, {
      event: "image_purged",
      data: { thread_id: "t", id: done.image.id },
    });
    expect(items).toHaveLength(job.total - 1);
    const end = { thread_id: "t", job: job.job, total: 1, failed: 0, images: [done.image] };
    expect(withEvent(items, { event: "concepts_generated", data: end })).toEqual(items);
  });

  it("keep a failure with its reason, and an unknown event changes nothing", () => {
    const [failed] = named("concept_failed");
    const items = withEvent([], failed as OrbitEvent);
    expect(items[0]).toMatchObject({ status: "failed", error: { code: failed?.data.code } });
    expect(withEvent(items, { event: "later", data: {} } as unknown as OrbitEvent)).toBe(items);
  });
});

let thread: Thread;
function ThreadProbe({ id }: { id: string | null }) {
  thread = useThread(id);
  return null;
}

let used: UsedImage;
function ImageProbe({ id }: { id: string | null }) {
  used = useImage(id);
  return null;
}

describe("useThread", () => {
  it("fills in as events come, a burst in one rendering, and begins anew with another thread", async () => {
    const [first, second] = [new Line(), new Line()];
    const asked = serve(first.response, second.response);
    await show(<ThreadProbe id="one" />);
    await wait(0);
    expect(thread.state).toBe("open");
    for (const { event, data } of named("concept_progress")) first.event("5-0", event, data);
    await wait(20);
    expect(thread.images.map(({ url }) => url)).toEqual(
      named("concept_progress").map(({ data }) => data.image.url),
    );
    expect(thread.items.every(({ status }) => status === "ready")).toBe(true);
    await show(<ThreadProbe id="two" />);
    expect(thread.items).toEqual([]);
    expect(asked[0]?.signal.aborted).toBe(true);
    await show(<ThreadProbe id={null} />);
    expect(thread.state).toBe("closed");
    await expect(thread.generate({ concepts: [] })).rejects.toThrow("no thread");
  });

  it("generates, and has the places at once", async () => {
    serve(new Line().response, Response.json(jobs[0], { status: 202 }));
    await show(<ThreadProbe id="one" />);
    await wait(0);
    await act(async () => void (await thread.generate({ concepts: [{ prompt: "a fox" }] })));
    expect(thread.items.map(({ status }) => status)).toEqual(["queued", "queued"]);
  });

  it("tells what is wrong", async () => {
    serve(problem(401, "unauthorized"));
    await show(<ThreadProbe id="one" />);
    await wait(0);
    expect([thread.state, thread.error?.code]).toEqual(["closed", "unauthorized"]);
  });
});

describe("useImage", () => {
  it("gives what is known, and hears of a purge", async () => {
    serve(Response.json(meta));
    await show(<ImageProbe id={meta.id} />);
    await wait(0);
    expect([used.status, used.image]).toEqual(["ready", meta]);
    await act(async () => announcePurge(meta.id, Date.parse(meta.created_at) + 1));
    expect([used.status, used.image]).toEqual(["missing", null]);
  });

  it("waits for an image that is being drawn", async () => {
    const missing = () => problem(404, "not_found");
    const pending = new Response(null, { status: 202 });
    serve(missing, pending, missing, new Response(null), Response.json(meta));
    await show(<ImageProbe id={meta.id} />);
    await wait(0);
    expect(used.status).toBe("pending");
    await wait(1000);
    expect(used.status).toBe("ready");
  });

  it.each([
    ["missing", problem(404, "not_found")],
    ["error", problem(500, "internal")],
  ])("says that it is %s", async (status, answer) => {
    serve(() => answer.clone());
    await show(<ImageProbe id="x" />);
    await wait(0);
    expect(used.status).toBe(status);
  });

  it("asks for nothing without an id", async () => {
    const asked = serve(problem(500, "internal"));
    await show(<ImageProbe id={null} />);
    expect([used.status, asked.length]).toEqual(["missing", 0]);
  });
});
