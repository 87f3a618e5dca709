/**
 * What a service worker may be told, and how the page tells it: by the query of its script's URL, or by
 * the script itself.
 */

/** Bounds of what is kept. */
export interface WorkerOptions {
  /** The most bytes of images. Default: 128 MiB. */
  maxBytes?: number;
  /** The most images. Default: 1000. */
  maxCount?: number;
  /** The most pages, scripts, styles and lists. Default: 200. */
  maxPages?: number;
  /** Another word drops the pages and scripts that were kept; images stay. */
  version?: string;
}

const NUMBERS = ["maxBytes", "maxCount", "maxPages"] as const;

/** The options in a query. */
export function readOptions(query: URLSearchParams): WorkerOptions {
  const options: WorkerOptions = {};
  for (const name of NUMBERS) {
    const value = Number(query.get(name) ?? "");
    if (value > 0) options[name] = value;
  }
  const version = query.get("version");
  return version === null ? options : { ...options, version };
}

/** Puts the options into a query. */
export function writeOptions(options: WorkerOptions, query: URLSearchParams): void {
  for (const name of [...NUMBERS, "version"] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, `${value}`);
  }
}
