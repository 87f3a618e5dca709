/**
 * Word of purged images inside one page: streams and deletions announce, components and apps listen,
 * and the service worker hears and tells its other pages. Nothing happens before somebody calls.
 *
 * A purge is told with its time by the server's clock, for an id can come to be used again, and a
 * stream tells old news first: what was made after a purge was not purged by it.
 */

/** Hears of a purge: the image's id, and when, in milliseconds since 1970 by the server's clock. */
export type PurgeListener = (id: string, at: number) => void;

/** What pages and the service worker say to each other. */
export interface PurgeMessage {
  type: "orbit:purge";
  id: string;
  at: number;
}

const listeners = new Set<PurgeListener>();

function worker(): ServiceWorkerContainer | undefined {
  try {
    return globalThis.navigator?.serviceWorker;
  } catch {
    // In a sandboxed frame looking is an error.
    return undefined;
  }
}

/** Calls `listener` for each purge that this page hears of, until the function that it gives is called. */
export function onPurge(listener: PurgeListener): () => void {
  // Where it hears already, this changes nothing.
  worker()?.addEventListener("message", hear);
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Tells this page, and the service worker, which drops its copies. */
export function announcePurge(id: string, at: number): void {
  worker()?.controller?.postMessage({ type: "orbit:purge", id, at } satisfies PurgeMessage);
  tell(id, at);
}

function hear({ data }: MessageEvent<PurgeMessage | undefined>): void {
  if (data?.type === "orbit:purge") tell(data.id, data.at);
}

function tell(id: string, at: number): void {
  for (const listener of listeners) listener(id, at);
}
