/** The service worker's script, from the package. */
import { createWorkerRoute } from "orbit-images/next";

export const { GET } = createWorkerRoute();
