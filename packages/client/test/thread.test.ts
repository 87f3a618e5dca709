/** Following a thread over lines that are cut, refused, silent and paused. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type OrbitEvent, onPurge, subscribeToThread, type ThreadOptions } from "../src/index.js";
import { Line, problem, serve } from "./server.js";

const BACKEND = "http://localhost:8000/images/hero";
const started = {
  thread_id: "t",
  job: "j",
  index: 0,
  total: 1,
  completed: 0,
  id: "hero",
  url: BACKEND,
  attempt: 1,
};

let end = new AbortController();
beforeEach(() => {
  vi.useFakeTimers();
  end = new AbortController();
});
afterEach(() => {
  end.abort();
  vi.useRealTimers();
});

function follow(options: ThreadOptions = {}) {
  const told: [string, OrbitEvent["event"]][] = [];
  const states: string[] = [];
  const errors: string[] = [];
  const subscription = subscribeToThread(
    "a thread",
    {
      event: (event, id) => told.push([id, event.event]),
      state: (state) => states.push(state),
      error: (error) => errors.push(error.code),
    },
    { signal: end.signal, ...options },
  );
  return { subscription, told, states, errors };
}
const settle = () => vi.advanceTimersByTimeAsync(0);

describe("a thread", () => {
  it("tells each event to the handler of its name, with the edge's URLs", async () => {
    const line = new Line();
    const asked = serve(line.response);
    const concept_started = vi.fn();
    subscribeToThread(
      "a thread",
      { concept_started },
      { signal: end.signal, server: "/orbit/", token: "secret" },
    );
    await settle();
    line.event("5-0", "concept_started", started);
    await settle();
    expect(concept_started).toHaveBeenCalledExactlyOnceWith(
      { ...started, url: "/api/images/hero" },
      "5-0",
    );
    expect(new URL(asked[0]?.url ?? "").pathname).toBe("/orbit/threads/a%20thread/events");
    expect(asked[0]?.headers.get("authorization")).toBe("Bearer secret");
  });

  it("goes on behind the last event after a cut, and tells no half event", async () => {
    const [first, second] = [new Line(), new Line()];
    const asked = serve(first.response, second.response);
    const { told, states, errors, subscription } = follow();
    await settle();
    first.event("5-0", "concept_started", started);
    first.send("id: 6-0\nevent: concept_started\nda");
    await settle();
    first.cut();
    await settle();
    expect(states).toEqual(["connecting", "open", "waiting"]);
    await vi.advanceTimersByTimeAsync(500);
    second.event("6-0", "concept_started", started);
    await settle();
    expect(asked[1]?.headers.get("last-event-id")).toBe("5-0");
    expect(told).toEqual([
      ["5-0", "concept_started"],
      ["6-0", "concept_started"],
    ]);
    expect(states).toEqual(["connecting", "open", "waiting", "connecting", "open"]);
    expect(errors).toEqual(["unavailable"]);
    expect(subscription.lastEventId).toBe("6-0");
  });

  it("asks another origin by the query, which needs no preflight", async () => {
    const [first, second] = [new Line(), new Line()];
    const asked = serve(first.response, second.response);
    follow({ server: "https://orbit.example" });
    await settle();
    first.event("5-0", "concept_started", started);
    first.end();
    await vi.advanceTimersByTimeAsync(500);
    expect(asked[1]?.headers.get("last-event-id")).toBeNull();
    expect(new URL(asked[1]?.url ?? "").searchParams.get("after")).toBe("5-0");
  });

  it("begins where a job begins, with its ticket", async () => {
    const asked = serve(new Line().response);
    follow({ events: "/threads/t/events?after=4-0&ticket=abc" });
    await settle();
    expect(new URL(asked[0]?.url ?? "").search).toBe("?after=4-0&ticket=abc");
  });

  it("waits longer and longer while nobody answers, and at most half a minute", async () => {
    const asked = serve(new TypeError("refused"));
    follow();
    const counts = [];
    for (const seconds of [0.5, 1, 2, 4, 8, 16, 30, 30]) {
      await vi.advanceTimersByTimeAsync(seconds * 1000);
      counts.push(asked.length);
    }
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(asked.length).toBeGreaterThanOrEqual(8);
    expect(asked.length).toBeLessThan(14);
  });

  it("waits as long as a busy server asks", async () => {
    const asked = serve(problem(503, "busy", { "retry-after": "20" }), new Line().response);
    const { errors } = follow();
    await vi.advanceTimersByTimeAsync(19_000);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toHaveLength(2);
    expect(errors).toEqual(["busy"]);
  });

  it.each([401, 403, 404, 204])("ends where the server answers %i", async (status) => {
    const asked = serve(
      status === 204 ? new Response(null, { status }) : problem(status, "unauthorized"),
    );
    const { states, errors, subscription } = follow();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(1);
    expect(states).toEqual(["connecting", "closed"]);
    expect(errors).toHaveLength(1);
    expect(subscription.state).toBe("closed");
  });

  it("comes again when a line is silent for three heartbeats, and not while they come", async () => {
    const [first, second] = [new Line(), new Line()];
    const asked = serve(first.response, second.response);
    const { errors } = follow();
    for (let beat = 0; beat < 8; beat++) {
      await vi.advanceTimersByTimeAsync(15_000);
      first.send(":\n\n");
    }
    await settle();
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(46_000);
    expect(asked).toHaveLength(2);
    expect(errors).toEqual([]);
  });

  it("lets the line go when it is closed, and tells nothing more", async () => {
    const line = new Line();
    const asked = serve(line.response);
    const { told, states, subscription } = follow();
    await settle();
    subscription.close();
    line.event("5-0", "concept_started", started);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked[0]?.signal.aborted).toBe(true);
    expect([told, states, asked.length]).toEqual([[], ["connecting", "open", "closed"], 1]);
  });

  it("lets the line go while the page is hidden, and goes on behind the last event when it is seen", async () => {
    const page = new EventTarget() as EventTarget & { visibilityState: string };
    page.visibilityState = "visible";
    vi.stubGlobal("document", page);
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    const look = (state: string) => {
      page.visibilityState = state;
      page.dispatchEvent(new Event("visibilitychange"));
      return settle();
    };
    const [first, second] = [new Line(), new Line()];
    const asked = serve(first.response, second.response);
    const { states, errors } = follow({ pauseWhenHidden: true });
    await settle();
    first.event("5-0", "concept_started", started);
    await settle();
    await look("hidden");
    expect([asked[0]?.signal.aborted, states.at(-1)]).toEqual([true, "paused"]);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(asked).toHaveLength(1);
    await look("visible");
    expect(asked[1]?.headers.get("last-event-id")).toBe("5-0");
    expect([states.at(-1), errors]).toEqual(["open", []]);
  });

  it("does not begin with a signal that has aborted", async () => {
    end.abort();
    const asked = serve(new Line().response);
    const { subscription } = follow();
    await settle();
    expect([asked.length, subscription.state]).toEqual([0, "closed"]);
  });

  it("lets no handler break it, and calls none by an event's foul name", async () => {
    const line = new Line();
    serve(line.response);
    const thrown: unknown[] = [];
    vi.stubGlobal("setTimeout", (run: () => void, ms?: number) => {
      if (ms !== undefined) return 0;
      try {
        run();
      } catch (error) {
        thrown.push(error);
      }
      return 0;
    });
    const state = vi.fn();
    const event = vi.fn();
    const failure = new Error("mine");
    const concept_started = () => {
      throw failure;
    };
    subscribeToThread("t", { concept_started, event, state }, { signal: end.signal });
    await settle();
    line.event("5-0", "concept_started", started);
    line.event("6-0", "state", {});
    await settle();
    expect(thrown).toEqual([failure]);
    expect(event).toHaveBeenCalledTimes(2);
    expect(state.mock.calls).toEqual([["connecting"], ["open"]]);
  });

  it("announces a purge with its time", async () => {
    const line = new Line();
    serve(line.response);
    const heard = vi.fn();
    const forget = onPurge(heard);
    follow();
    await settle();
    line.event("1795888702456-3", "image_purged", { thread_id: "t", id: "hero" });
    await settle();
    forget();
    line.event("1795888702457-0", "image_purged", { thread_id: "t", id: "other" });
    await settle();
    expect(heard.mock.calls).toEqual([["hero", 1795888702456]]);
  });
});
