/**
 * The service worker's script as a string. Here it is empty; the build writes the bundled script over what
 * this file compiles to, so that a route can serve it wherever the app is deployed.
 */
export const WORKER_TEXT: string = "";
