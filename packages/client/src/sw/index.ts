/**
 * orbit-images/sw: the page's side of the service worker. `registerOrbitWorker()` is the one line that an
 * app needs; the worker itself is `orbit-images/orbit-sw.js`, or `orbit-images/sw/worker` in one of
 * your own.
 */
import { type WorkerOptions, writeOptions } from "./options.js";

export type { WorkerOptions } from "./options.js";

/** Where the script is, and what it is told. */
export interface RegisterOptions extends WorkerOptions {
  /** Default: `/orbit-sw.js`. */
  url?: string;
  /** The paths that it serves. Default: those below the script. */
  scope?: string;
  /** Called when another version of the script has taken over. */
  onUpdate?: () => void;
}

/** What a worker keeps. */
export interface WorkerStats {
  version: string;
  bytes: number;
  count: number;
}

/**
 * Registers the worker; null where browsers have none: on a server, and over plain HTTP beyond this
 * machine. Rejects as `register` does where there is no script.
 */
export async function registerOrbitWorker(
  options: RegisterOptions = {},
): Promise<ServiceWorkerRegistration | null> {
  const container = globalThis.navigator?.serviceWorker;
  if (!container) return null;
  const { url: path = "/orbit-sw.js", scope, onUpdate, ...rest } = options;
  const url = new URL(path, location.href);
  writeOptions(rest, url.searchParams);
  if (onUpdate && container.controller)
    container.addEventListener("controllerchange", onUpdate, { once: true });
  return container.register(url, { updateViaCache: "none", ...(scope !== undefined && { scope }) });
}

/** Takes the worker away, with all that it keeps; false where there was none. */
export async function unregisterOrbitWorker(scope?: string): Promise<boolean> {
  const registration = await globalThis.navigator?.serviceWorker?.getRegistration(scope);
  for (const name of registration ? await caches.keys() : []) {
    if (name.startsWith("orbit-")) await caches.delete(name);
  }
  return (await registration?.unregister()) ?? false;
}

/** What the worker of this page keeps; null where no worker answers. */
export function workerStats(): Promise<WorkerStats | null> {
  const worker = globalThis.navigator?.serviceWorker?.controller;
  if (!worker) return Promise.resolve(null);
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const timer = setTimeout(() => resolve(null), 5000);
    port1.onmessage = ({ data }) => {
      clearTimeout(timer);
      port1.close();
      resolve(data);
    };
    worker.postMessage({ type: "orbit:stats" }, [port2]);
  });
}
