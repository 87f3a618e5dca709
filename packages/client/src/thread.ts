/**
 * Follows a thread's events over a connection that comes and goes, so that nothing is lost and nothing
 * told twice: the server keeps the events, each with an id, and goes on behind `Last-Event-ID`.
 *
 * 1. Connect, with the id of the last event that was told.
 * 2. Tell each event, its URLs rewritten, its id noted first.
 * 3. When the line ends, or says nothing for three heartbeats, wait a little and begin again. A refusal
 *    that trying again cannot mend ends it.
 */
import { request, type ServerOptions } from "./api.js";
import { rewriteEventUrls } from "./events.js";
import { failureOf, type OrbitError, problemOf } from "./problem.js";
import { announcePurge } from "./purge.js";
import { type Message, readMessages } from "./sse.js";
import type { OrbitEvent } from "./types.js";

/** How the connection is: `waiting` for the next try, `paused` while the page is hidden. */
export type StreamState = "connecting" | "open" | "waiting" | "paused" | "closed";

/** What is called with each event: the handler of its name, then `event`. */
export type ThreadHandlers = {
  [E in OrbitEvent as E["event"]]?: (data: E["data"], id: string) => void;
} & {
  event?: (event: OrbitEvent, id: string) => void;
  state?: (state: StreamState) => void;
  /** Each failure; after one that trying again cannot mend, the state is `closed`. */
  error?: (error: OrbitError) => void;
};

/** How a thread is followed. */
export interface ThreadOptions extends ServerOptions {
  /** A job's `events`: begins just before that job, with its ticket. */
  events?: string | undefined;
  /** The id to begin behind, or `$` for what comes. Default: with all that is retained. */
  after?: string | undefined;
  /** What opens the thread to who has no token. */
  ticket?: string | undefined;
  /**
   * Lets the connection go while the page is hidden. Over HTTP/1.1 all tabs share six; what happens
   * meanwhile is told afterwards.
   */
  pauseWhenHidden?: boolean | undefined;
}

/** A thread that is being followed. */
export interface ThreadSubscription {
  readonly state: StreamState;
  /** The id of the last event that was told. */
  readonly lastEventId: string;
  close(): void;
}

const NAMES = /^(concept_(started|preview|progress|failed)|concepts_generated|image_purged)$/;
const SILENCE_MS = 45_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;

/** Calls `handlers` with the thread's events until `close()`, or until `signal` aborts. */
export function subscribeToThread(
  threadId: string,
  handlers: ThreadHandlers,
  options: ThreadOptions = {},
): ThreadSubscription {
  const follower = new Follower(threadId, handlers, options);
  const { signal } = options;
  if (signal?.aborted) follower.close();
  signal?.addEventListener("abort", () => follower.close(), { signal: follower.closing.signal });
  follower.follow();
  return follower;
}

class Follower implements ThreadSubscription {
  state: StreamState = "connecting";
  lastEventId = "";
  readonly closing = new AbortController();
  /** Tries since the line was last open. */
  #failures = 0;
  #retryMs = FIRST_DELAY_MS;
  readonly #threadId: string;
  readonly #handlers: ThreadHandlers;
  readonly #options: ThreadOptions;

  constructor(threadId: string, handlers: ThreadHandlers, options: ThreadOptions) {
    this.#threadId = threadId;
    this.#handlers = handlers;
    this.#options = options;
  }

  close(): void {
    this.closing.abort();
  }

  async follow(): Promise<void> {
    const closing = this.closing.signal;
    const pauses = this.#options.pauseWhenHidden === true;
    // The caller has the subscription before its handlers are called.
    await null;
    while (!closing.aborted) {
      if (pauses && isHidden()) {
        this.#become("paused");
        await until("visibilitychange", closing);
        continue;
      }
      this.#become("connecting");
      const wait = await this.#try(pauses);
      if (wait === null) break;
      if (pauses && isHidden()) continue;
      this.#become("waiting");
      const most = Math.min(LONGEST_DELAY_MS, this.#retryMs * 2 ** this.#failures++);
      await until("online", closing, Math.max(wait, most * (0.5 + Math.random() / 2)));
    }
    this.closing.abort();
    this.#become("closed");
  }

  /** One try; resolves to the least milliseconds until the next, or to null where none will help. */
  async #try(pauses: boolean): Promise<number | null> {
    const line = new AbortController();
    const free = tie(line, this.closing.signal, pauses);
    try {
      return (await this.#connect(line)) ? 0 : null;
    } catch (cause) {
      const error = failureOf(cause, `the events of ${this.#threadId}`);
      // Else it was our own hand: the end, silence, or a hidden page.
      if (!line.signal.aborted) call(() => this.#handlers.error?.(error));
      return isFinal(error.status) ? null : (error.retryAfter ?? 0) * 1000;
    } finally {
      free();
    }
  }

  /** One connection, from its beginning to its end; resolves to whether to come again. */
  async #connect(line: AbortController): Promise<boolean> {
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => line.abort(), SILENCE_MS);
    };
    heard();
    try {
      const headers: HeadersInit = { accept: "text/event-stream" };
      if (this.lastEventId) headers["last-event-id"] = this.lastEventId;
      const init: RequestInit = { headers, signal: line.signal, cache: "no-store" };
      const response = await request(this.#path(), init, this.#options);
      if (response.status === 204) return false;
      if (!response.ok || !response.body) throw await problemOf(response);
      this.#become("open");
      this.#failures = 0;
      for await (const message of readMessages(response.body, heard)) {
        if (!line.signal.aborted) this.#tell(message);
      }
      return true;
    } finally {
      clearTimeout(silence);
    }
  }

  #path(): string {
    const { after, ticket, events } = this.#options;
    const query = new URLSearchParams(events?.split("?")[1]);
    if (after !== undefined) query.set("after", after);
    if (ticket !== undefined) query.set("ticket", ticket);
    if (this.lastEventId) query.delete("after");
    const text = query.toString();
    return `/threads/${encodeURIComponent(this.#threadId)}/events${text && `?${text}`}`;
  }

  #tell({ event, data, id, retry }: Message): void {
    if (retry !== undefined) this.#retryMs = retry;
    if (id) this.lastEventId = id;
    if (!data) return;
    const handlers = this.#handlers;
    call(() => {
      const told = rewriteEventUrls({ event, data: JSON.parse(data) } as OrbitEvent, this.#options);
      if (NAMES.test(event)) call(() => handlers[told.event]?.(told.data as never, id));
      call(() => handlers.event?.(told, id));
      if (told.event !== "image_purged") return;
      // An event's id begins with its time.
      announcePurge(told.data.id, Number.parseInt(id, 10) || Date.now());
    });
  }

  #become(state: StreamState): void {
    if (this.state === state) return;
    this.state = state;
    call(() => this.#handlers.state?.(state));
  }
}

const isFinal = (status: number): boolean =>
  status >= 400 && status < 500 && ![408, 425, 429].includes(status);
const isHidden = (): boolean => globalThis.document?.visibilityState === "hidden";

/** Cuts `line` when the subscription closes, and if it `pauses` when the page is hidden. */
function tie(line: AbortController, closing: AbortSignal, pauses: boolean): () => void {
  const cut = (): void => line.abort();
  const hide = (): void => void (isHidden() && cut());
  if (closing.aborted) cut();
  closing.addEventListener("abort", cut);
  if (pauses) globalThis.document?.addEventListener("visibilitychange", hide);
  return () => {
    closing.removeEventListener("abort", cut);
    globalThis.document?.removeEventListener("visibilitychange", hide);
  };
}

/** Waits for one of the window's events (the document's bubble), for the time, or for the end. */
function until(event: string, closing: AbortSignal, ms?: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      closing.removeEventListener("abort", done);
      globalThis.removeEventListener?.(event, done);
      resolve();
    };
    const timer = ms === undefined ? undefined : setTimeout(done, ms);
    if (closing.aborted) return done();
    closing.addEventListener("abort", done);
    globalThis.addEventListener?.(event, done);
  });
}

/** A handler that throws is reported as the page's own error; the stream goes on. */
function call(handler: () => void): void {
  try {
    handler();
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else console.error(error);
  }
}
