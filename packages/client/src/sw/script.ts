/**
 * `orbit-sw.js`: the ready service worker. It is told its bounds by the query of its own URL, or by the
 * line that `createWorkerRoute` puts before it.
 */
import { readOptions, type WorkerOptions } from "./options.js";
import { installOrbitWorker } from "./worker.js";

const told = (globalThis as { ORBIT_WORKER?: WorkerOptions }).ORBIT_WORKER;
installOrbitWorker(globalThis, {
  ...told,
  ...readOptions(new URL(globalThis.location.href).searchParams),
});
