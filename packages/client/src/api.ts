/**
 * The one way to the server: a request, its answer with the URLs rewritten, or an `OrbitError`; and what
 * an app asks for most, a batch of images. Called by `thread.ts` and `images.ts`.
 */
import { trimBase, type UrlOptions } from "./locate.js";
import { failureOf, problemOf } from "./problem.js";
import type { Job } from "./types.js";
import { getProxiedImageUrl } from "./url.js";

/** Where the server is and who asks. */
export interface ServerOptions extends UrlOptions {
  /** What goes before `/images`, `/threads` and `/generations`. Default: nothing, the page's origin. */
  server?: string | undefined;
  /** The server's token, where it wants one. It does not belong in a page that others see. */
  token?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** One picture that is asked for. */
export interface Concept {
  /** What to draw. */
  prompt: string;
  /** A word for its kind; public. */
  style?: string;
  /** A name for people; public. */
  title?: string;
  model?: string;
  /** `WxH` in pixels. */
  size?: string;
  /** The same seed draws the same picture again. */
  seed?: number;
}

/** A batch of concepts for one thread. */
export interface GenerateRequest {
  thread_id: string;
  concepts: Concept[];
  /** How many of them may be drawn at once. */
  concurrency?: number;
  /** How many previews of each are wanted, 0 to 3. */
  partial_images?: number;
  /** Whether a finished job that asked for the same may be the answer. */
  reuse?: boolean;
}

/** Starts a batch of concepts; its images have their ids and URLs at once. */
export async function generate(
  request: GenerateRequest,
  options: ServerOptions = {},
): Promise<Job> {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(request) };
  const job: Job = await ask("/generations", init, options);
  return { ...job, images: job.images.map((image) => rewrite(image, options)) };
}

/** Makes one request to the server; gives the answer whatever its status. */
export function request(
  path: string,
  init: RequestInit,
  { token, server, signal }: ServerOptions,
): Promise<Response> {
  const headers = { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) };
  return fetch(trimBase(server) + path, { signal: signal ?? null, ...init, headers }).catch(
    failAs(path),
  );
}

/** Makes one request, and reads the JSON of its answer. */
export async function ask<T>(path: string, init: RequestInit, options: ServerOptions): Promise<T> {
  const response = await request(path, init, options);
  if (!response.ok) throw await problemOf(response);
  return response.json().catch(failAs(path));
}

const failAs = (path: string) => (cause: unknown) => {
  throw failureOf(cause, path);
};

/** The image with the edge's URL. */
export function rewrite<T extends { url: string }>(image: T, options: UrlOptions): T {
  return { ...image, url: getProxiedImageUrl(image.url, options) };
}
