/**
 * A route handler that serves the service worker, so that nothing is copied into `public/`:
 * `app/orbit-sw.js/route.ts`.
 */
import type { WorkerOptions } from "../sw/options.js";
import { WORKER_TEXT } from "./worker-text.js";

/** Makes the handler; options that change make a new worker, which takes over by itself. */
export function createWorkerRoute(options: WorkerOptions = {}): { GET: () => Response } {
  const text = `self.ORBIT_WORKER = ${JSON.stringify(options)};\n${WORKER_TEXT}`;
  const headers = {
    "content-type": "text/javascript; charset=utf-8",
    // Browsers ask for it at each visit; an old one would keep its place.
    "cache-control": "no-cache",
    "service-worker-allowed": "/",
  };
  const serve = (): Response => new Response(text, { headers });
  return { GET: serve };
}
