/**
 * Origin: what the server's components ask Orbit for, so that a page's HTML has its pictures in it already.
 *
 * Called while a page is rendered; a browser asks by the same paths on its own origin. A server that does not answer
 * is no reason for a page not to come: the caller is told with null, and shows what to do.
 */
import "server-only";
import { OrbitError } from "orbit-images";
import { getImage, listImages } from "orbit-images/api";
import { type Picture, pictureOf } from "./pictures";

const PATIENCE_MS = 5_000;

const orbit = () => ({
  server: (process.env.ORBIT_URL ?? "http://127.0.0.1:8000").replace(/\/+$/, ""),
  ...(process.env.ORBIT_TOKEN ? { token: process.env.ORBIT_TOKEN } : {}),
  signal: AbortSignal.timeout(PATIENCE_MS),
});

/** A page of pictures, newest first. */
export interface PicturePage {
  pictures: Picture[];
  next: string | null;
}

/** The newest pictures, of one board or of all; null if Orbit does not answer. */
export async function listPictures(limit: number, thread?: string): Promise<PicturePage | null> {
  try {
    const list = await listImages({ limit, ...(thread === undefined ? {} : { thread_id: thread }) }, orbit());
    return { pictures: list.images.map(pictureOf), next: list.next_cursor };
  } catch {
    return null;
  }
}

/** One picture; undefined if there is none, null if Orbit does not answer. */
export async function readPicture(id: string): Promise<Picture | null | undefined> {
  try {
    return pictureOf(await getImage(id, orbit()));
  } catch (error) {
    const status = error instanceof OrbitError ? error.status : 0;
    return status === 404 || status === 400 || status === 202 ? undefined : null;
  }
}
