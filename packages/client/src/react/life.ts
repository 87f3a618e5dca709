"use client";
/**
 * The life of one image element: how far it has come, what is tried again and when, and that it ends when
 * the image is purged. Called by `image.tsx`, anew for each URL.
 */
import { type Ref, useCallback, useEffect, useReducer, useRef, useState } from "react";
import { onPurge } from "../purge.js";
import { type ImageState, retryDelay, wasPurged } from "../view.js";

/** What the element is told, and what tells the element. */
export interface Life {
  state: ImageState;
  /** Counts the tries: a new element for each. */
  attempt: number;
  retry: () => void;
  onLoad: (image: HTMLImageElement) => void;
  onThumbnail: () => void;
  onError: () => void;
}

interface Course {
  state: ImageState;
  attempt: number;
  failures: number;
}

type Step = "thumbnail" | "loaded" | "failed" | "given up" | "retry" | "gone";

function advance(course: Course, step: Step): Course {
  const { state, attempt, failures } = course;
  if (state === "gone") return course;
  switch (step) {
    case "thumbnail":
      return state === "placeholder" ? { ...course, state: "thumbnail" } : course;
    case "loaded":
      return { ...course, state: "loaded", failures: 0 };
    case "failed":
      return { ...course, failures: failures + 1 };
    case "given up":
      return { ...course, state: "error", failures: failures + 1 };
    case "retry":
      return { state: state === "error" ? "placeholder" : state, attempt: attempt + 1, failures };
    case "gone":
      return { ...course, state: "gone" };
  }
}

/** Follows one URL. */
export function useLife(
  id: string | null,
  createdAt: string | undefined,
  retries: number,
  onState: ((state: ImageState) => void) | undefined,
): Life {
  const start: Course = { state: "placeholder", attempt: 0, failures: 0 };
  const [course, step] = useReducer(advance, start);
  const { state, attempt, failures } = course;

  const told = useRef<ImageState>("placeholder");
  useEffect(() => {
    if (told.current !== state) onState?.(state);
    told.current = state;
  }, [state, onState]);

  useEffect(() => {
    if (id === null) return;
    return onPurge((purged, at) => {
      if (purged === id && wasPurged(createdAt, at)) step("gone");
    });
  }, [id, createdAt]);

  useEffect(() => {
    if (failures === 0) return;
    const again = (): void => step("retry");
    // A page that was cut off tries again when it is back, whatever it has given up.
    window.addEventListener("online", again);
    const timer = state === "error" ? undefined : setTimeout(again, retryDelay(failures - 1));
    return () => {
      clearTimeout(timer);
      window.removeEventListener("online", again);
    };
  }, [failures, state]);

  const onLoad = useCallback((image: HTMLImageElement) => {
    // The layers below go only when this one can be painted.
    const done = (): void => step("loaded");
    image.decode().then(done, done);
  }, []);
  return {
    state,
    attempt,
    retry: useCallback(() => step("retry"), []),
    onLoad,
    onThumbnail: useCallback(() => step("thumbnail"), []),
    onError: () => step(failures < retries ? "failed" : "given up"),
  };
}

/** A ref that tells of an image that loaded, or failed, before the page was hydrated. */
export function useEarly(
  life: Life,
  imgRef: Ref<HTMLImageElement> | undefined,
): Ref<HTMLImageElement> {
  const latest = useRef(life);
  latest.current = life;
  return useCallback(
    (image: HTMLImageElement | null) => {
      if (typeof imgRef === "function") imgRef(image);
      else if (imgRef) imgRef.current = image;
      if (!image?.complete || !image.currentSrc) return;
      if (image.naturalWidth > 0) latest.current.onLoad(image);
      else latest.current.onError();
    },
    [imgRef],
  );
}

/** Whether the frame has come so near to what is seen; at once without a margin. */
export function useNear(margin: string | null): [frame: Ref<HTMLElement>, near: boolean] {
  const [near, setNear] = useState(margin === null);
  const frame = useRef<HTMLElement>(null);
  useEffect(() => {
    if (margin === null || !frame.current || typeof IntersectionObserver === "undefined") {
      setNear(true);
      return;
    }
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        setNear(true);
        observer.disconnect();
      },
      { rootMargin: margin },
    );
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, [margin]);
  return [frame, near];
}
