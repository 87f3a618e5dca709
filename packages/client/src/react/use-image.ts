"use client";
/**
 * `useImage`: what is known of one image, as React's state. Waits for an image that is being drawn, and
 * hears of its purge.
 */
import { useCallback, useEffect, useReducer, useState } from "react";
import { request, type ServerOptions } from "../api.js";
import { getImage } from "../images.js";
import { failureOf, type OrbitError } from "../problem.js";
import { onPurge } from "../purge.js";
import type { ImageMetadata } from "../types.js";
import { wasPurged } from "../view.js";

/** An image as it is known. `pending`: it is being drawn; `missing`: there is none. */
export interface UsedImage {
  image: ImageMetadata | null;
  status: "loading" | "pending" | "ready" | "missing" | "error";
  error: OrbitError | null;
  reload: () => void;
}

// Between two questions that the server did not hold until the image came.
const PENDING_MS = 1000;

type Known = Omit<UsedImage, "reload"> & { id: string | null };

const loading = (id: string | null): Known => ({
  id,
  image: null,
  status: id === null ? "missing" : "loading",
  error: null,
});

/** Asks for an image's metadata; null asks for none. */
export function useImage(
  id: string | null,
  options: Omit<ServerOptions, "signal"> = {},
): UsedImage {
  const [held, setKnown] = useState(() => loading(id));
  const known = held.id === id ? held : loading(id);
  const [turn, reload] = useReducer((count: number) => count + 1, 0);
  const { server, token, base } = options;
  const origins = options.origins?.join(" ");

  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn asks again
  useEffect(() => {
    if (id === null) return;
    const asking = new AbortController();
    const { signal } = asking;
    const from = { server, token, base, origins: origins?.split(" "), signal };
    const tell = (news: Partial<Known>): void => {
      if (!signal.aborted) setKnown({ ...loading(id), ...news });
    };
    ask(id, from, () => tell({ status: "pending" })).then(
      (image) => tell(image ? { image, status: "ready" } : { status: "missing" }),
      (error) => tell({ status: "error", error: failureOf(error, id) }),
    );
    return () => asking.abort();
  }, [id, turn, server, token, base, origins]);

  const createdAt = known.image?.created_at;
  useEffect(
    () =>
      onPurge((purged, at) => {
        if (purged !== id || !createdAt || !wasPurged(createdAt, at)) return;
        setKnown({ ...loading(id), status: "missing" });
      }),
    [id, createdAt],
  );

  const { image, status, error } = known;
  return { image, status, error, reload: useCallback(() => reload(), []) };
}

/** The metadata, once it is there; null where it will not be. */
async function ask(
  id: string,
  options: ServerOptions,
  onPending: () => void,
): Promise<ImageMetadata | null> {
  for (let seen = false; ; ) {
    try {
      return await getImage(id, options);
    } catch (error) {
      if ((error as OrbitError).status !== 404) throw error;
    }
    // Metadata is there when the image is; only the image's own URL knows whether it will be.
    const path = `/images/${encodeURIComponent(id)}?wait=20`;
    const { status } = await request(path, { method: "HEAD" }, options);
    if (status !== 202 && (status !== 200 || seen)) return null;
    seen = status === 200;
    onPending();
    if (!seen) await new Promise((resolve) => setTimeout(resolve, PENDING_MS));
  }
}
