"use client";
/**
 * `useThread`: a thread's images as they come, as React's state. Follows the thread while a component
 * shows it; what the events mean is worked out in `thread-items.ts`.
 *
 * Events come in bursts, a whole thread's at the start: those of one moment make one rendering.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type GenerateRequest, generate } from "../api.js";
import type { OrbitError } from "../problem.js";
import { type StreamState, subscribeToThread, type ThreadOptions } from "../thread.js";
import type { EventImage, Job, OrbitEvent } from "../types.js";
import { type ThreadItem, type ThreadItems, withEvent, withJob } from "./thread-items.js";

/** A thread as it stands. */
export interface Thread {
  /** Each concept and image, in order of arrival; those that were purged are gone. */
  items: ThreadItem[];
  /** The images that are there. */
  images: EventImage[];
  state: StreamState;
  error: OrbitError | null;
  /** Starts a batch of concepts; its places are in `items` at once. */
  generate: (request: Omit<GenerateRequest, "thread_id">) => Promise<Job>;
}

/** How a thread is followed by a component. */
export type UseThreadOptions = Omit<ThreadOptions, "signal"> & {
  /** Called with each event, for what is not in the state. */
  onEvent?: (event: OrbitEvent, id: string) => void;
};

interface Shown {
  threadId: string | null;
  items: ThreadItems;
  state: StreamState;
  error: OrbitError | null;
}

const BURST_MS = 16;
const blank = (threadId: string | null): Shown => ({
  threadId,
  items: [],
  state: threadId === null ? "closed" : "connecting",
  error: null,
});

/** Follows a thread; null follows none. */
export function useThread(threadId: string | null, options: UseThreadOptions = {}): Thread {
  const [held, setShown] = useState(() => blank(threadId));
  const shown = held.threadId === threadId ? held : blank(threadId);
  const latest = useRef(options);
  latest.current = options;
  const change = useCallback(
    (how: (shown: Shown) => Shown) =>
      setShown((old) => how(old.threadId === threadId ? old : blank(threadId))),
    [threadId],
  );

  const { events, after, ticket, server, token, base, pauseWhenHidden } = options;
  const origins = options.origins?.join(" ");
  useEffect(() => {
    if (threadId === null) return;
    let burst: OrbitEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = (): void => {
      const told = burst;
      burst = [];
      timer = undefined;
      change((old) => ({ ...old, items: told.reduce(withEvent, old.items) }));
    };
    const followed = subscribeToThread(
      threadId,
      {
        event: (event, id) => {
          burst.push(event);
          timer ??= setTimeout(flush, BURST_MS);
          latest.current.onEvent?.(event, id);
        },
        state: (state) =>
          change((old) => ({ ...old, state, error: state === "open" ? null : old.error })),
        error: (error) => change((old) => ({ ...old, error })),
      },
      { events, after, ticket, server, token, base, pauseWhenHidden, origins: origins?.split(" ") },
    );
    return () => {
      followed.close();
      clearTimeout(timer);
    };
  }, [threadId, change, events, after, ticket, server, token, base, pauseWhenHidden, origins]);

  const start = useCallback(
    async (request: Omit<GenerateRequest, "thread_id">): Promise<Job> => {
      if (threadId === null) throw new TypeError("there is no thread to generate for");
      const job = await generate({ ...request, thread_id: threadId }, latest.current);
      change((old) => ({ ...old, items: withJob(old.items, job) }));
      return job;
    },
    [threadId, change],
  );

  const { items, state, error } = shown;
  return useMemo(() => {
    const images = items.flatMap(({ image }) => image ?? []);
    return { items: [...items], images, state, error, generate: start };
  }, [items, state, error, start]);
}
