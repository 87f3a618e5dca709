/**
 * The server's routes for images as functions, exported as `orbit-images/api`: apart from the core, for an
 * app that only shows images needs none of them.
 */
import { ask, rewrite, type ServerOptions } from "./api.js";
import { announcePurge } from "./purge.js";
import type { ImageList, ImageMetadata, Receipt } from "./types.js";

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

function search(query: object): string {
  const known = Object.entries(query).filter(([, value]) => value != null);
  const text = new URLSearchParams(known.map(([name, value]) => [name, `${value}`])).toString();
  return text && `?${text}`;
}
