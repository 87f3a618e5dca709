/**
 * The server's routes as functions: one request each, its answer with the URLs rewritten, or an
 * `OrbitError`. `ask` is their one way to the network.
 */
import type { UrlOptions } from "./locate.js";
import { failureOf, problemOf } from "./problem.js";
import { announcePurge } from "./purge.js";
import type { ImageList, ImageMetadata, Job, Receipt } from "./types.js";
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

/** Which images are listed. */
export interface ListQuery {
  thread_id?: string | undefined;
  style?: string | undefined;
  /** The `next_cursor` of the page before. */
  cursor?: string | null | undefined;
  /** 1 to 200. */
  limit?: number | undefined;
}

/** What is said of an upload. */
export interface Labels {
  /** An id of your own; left out, the server makes one. */
  id?: string | undefined;
  thread_id?: string | undefined;
  style?: string | undefined;
  title?: string | undefined;
  prompt?: string | undefined;
  model?: string | undefined;
  generated?: boolean | undefined;
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

/** All that is known of an image. */
export async function getImage(id: string, options: ServerOptions = {}): Promise<ImageMetadata> {
  return rewrite(
    await ask<ImageMetadata>(`/images/${encodeURIComponent(id)}/meta`, {}, options),
    options,
  );
}

/** A page of images, newest first. */
export async function listImages(
  query: ListQuery = {},
  options: ServerOptions = {},
): Promise<ImageList> {
  const list: ImageList = await ask(`/images${search(query)}`, {}, options);
  return { ...list, images: list.images.map((image) => rewrite(image, options)) };
}

/** Stores an image, under `labels.id` if there is one. */
export async function uploadImage(
  bytes: Blob,
  { id, ...labels }: Labels = {},
  options: ServerOptions = {},
): Promise<ImageMetadata> {
  const headers = { "content-type": bytes.type || "application/octet-stream" };
  const path = id === undefined ? "/images" : `/images/${encodeURIComponent(id)}`;
  const init = { method: id === undefined ? "POST" : "PUT", headers, body: bytes };
  return rewrite(await ask<ImageMetadata>(path + search(labels), init, options), options);
}

/** Removes an image from every tier, from this page and from its service worker. */
export async function deleteImage(id: string, options: ServerOptions = {}): Promise<Receipt> {
  const receipt: Receipt = await ask(
    `/images/${encodeURIComponent(id)}`,
    { method: "DELETE" },
    options,
  );
  for (const gone of receipt.images) announcePurge(gone, Date.parse(receipt.at));
  return receipt;
}

/** Makes one request to the server; gives the answer whatever its status. */
export async function request(
  path: string,
  init: RequestInit,
  options: ServerOptions,
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (options.token) headers.set("authorization", `Bearer ${options.token}`);
  const signal = init.signal ?? options.signal ?? null;
  const server = (options.server ?? "").replace(/\/+$/, "");
  try {
    return await fetch(server + path, { ...init, headers, signal });
  } catch (cause) {
    throw failureOf(cause, path);
  }
}

async function ask<T>(path: string, init: RequestInit, options: ServerOptions): Promise<T> {
  const response = await request(path, init, options);
  if (!response.ok) throw await problemOf(response);
  try {
    return await response.json();
  } catch (cause) {
    throw failureOf(cause, path);
  }
}

function search(query: object): string {
  const known = Object.entries(query).filter(([, value]) => value != null);
  const text = new URLSearchParams(known.map(([name, value]) => [name, `${value}`])).toString();
  return text && `?${text}`;
}

function rewrite<T extends { url: string }>(image: T, options: UrlOptions): T {
  return { ...image, url: getProxiedImageUrl(image.url, options) };
}
