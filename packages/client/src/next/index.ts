/**
 * orbit-images/next: Next.js. `withOrbit` for next.config, and route handlers: images for where no edge
 * can run, and the service worker's script. The loader of `next/image` is `orbit-images/next/loader`.
 */
export { type WithOrbitOptions, withOrbit } from "./config.js";
export {
  createImageRoute,
  type ImageRoute,
  type ImageRouteContext,
  type ImageRouteOptions,
} from "./route.js";
export { createWorkerRoute } from "./worker-route.js";
