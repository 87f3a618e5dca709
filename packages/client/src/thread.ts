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

const SILENCE_MS = 45_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;

/** Calls `handlers` with the thread's events until `close()`, or until `signal` aborts. */
export function subscribeToThread(
  threadId: string,
  handlers: ThreadHandlers,
  options: ThreadOptions = {},
): ThreadSubscription {
  const end = new AbortController();
  const { signal } = end;
  // The connection, and what ends a wait for the next.
  let line = end;
  let wake = (): void => {};
  const close = (): void => {
    end.abort();
    line.abort();
    wake();
  };
  const stream: Stream = { state: "connecting", lastEventId: "", close };
  const mustPause = (): boolean =>
    options.pauseWhenHidden === true && globalThis.document?.visibilityState === "hidden";
  const become = (state: StreamState): void => {
    stream.state = state;
    call(handlers.state, state);
  };

  const follow = async (): Promise<void> => {
    // The caller has the subscription before its handlers are called.
    await null;
    for (let failures = 0; !signal.aborted; failures++) {
      let leastMs = 0;
      if (!mustPause()) {
        become("connecting");
        line = new AbortController();
        try {
          for await (const message of read(threadId, stream, options, line)) {
            if (signal.aborted) break;
            if (message) tell(message, handlers, options, stream);
            else become("open");
            failures = 0;
          }
        } catch (cause) {
          const error = failureOf(cause, threadId);
          // Else it was our own hand.
          if (!line.signal.aborted) call(handlers.error, error);
          // Refused, and not for being busy or late; or the end of a stream.
          if (/204|4(?!08|25|29)../.test(`${error.status}`)) break;
          leastMs = error.retryAfter * 1000;
        }
      }
      if (signal.aborted) break;
      const pause = mustPause();
      become(pause ? "paused" : "waiting");
      const most = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (!pause) setTimeout(resolve, Math.max(leastMs, most * (0.5 + Math.random() / 2)));
      });
    }
    end.abort();
    become("closed");
  };

  const look = (): void => (mustPause() ? line.abort() : wake());
  for (const name of ["online", "visibilitychange"]) {
    globalThis.addEventListener?.(name, look, { signal });
  }
  if (options.signal?.aborted) close();
  options.signal?.addEventListener("abort", close, { signal });
  follow();
  return stream;
}

type Stream = { -readonly [K in keyof ThreadSubscription]: ThreadSubscription[K] };

/** One connection: null once it is open, and its messages, until it says nothing for three heartbeats. */
async function* read(
  threadId: string,
  { lastEventId }: Stream,
  options: ThreadOptions,
  line: AbortController,
): AsyncGenerator<Message | null> {
  const { after, ticket, events, server } = options;
  const query = new URLSearchParams(events?.split("?")[1]);
  if (after) query.set("after", after);
  if (ticket) query.set("ticket", ticket);
  const headers: Record<string, string> = {};
  // To another origin the header would need a preflight.
  if (lastEventId && server) query.set("after", lastEventId);
  else if (lastEventId) headers["last-event-id"] = lastEventId;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => line.abort(), SILENCE_MS);
  };
  heard();
  try {
    const path = `/threads/${encodeURIComponent(threadId)}/events?${query}`;
    const { signal } = line;
    const response = await request(path, { signal, cache: "no-store", headers }, options);
    if (response.status !== 200 || !response.body) throw await problemOf(response);
    yield null;
    yield* readMessages(response.body, heard);
  } finally {
    clearTimeout(silence);
  }
}

function tell(
  { event, data, id }: Message,
  handlers: ThreadHandlers,
  options: ThreadOptions,
  stream: Stream,
): void {
  stream.lastEventId = id || stream.lastEventId;
  const told = rewriteEventUrls({ event, data: JSON.parse(data) } as OrbitEvent, options);
  // The names of events have a line in them, those of other handlers have none.
  if (event.includes("_")) call(handlers[told.event], told.data as never, id);
  call(handlers.event, told, id);
  // An event's id begins with its time.
  if (told.event === "image_purged") announcePurge(told.data.id, Number.parseInt(id, 10));
}

/** A handler that throws is the page's affair, as that of an event is; the stream goes on. */
function call<W extends unknown[]>(
  handler: ((...words: W) => void) | undefined,
  ...words: W
): void {
  try {
    handler?.(...words);
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}
