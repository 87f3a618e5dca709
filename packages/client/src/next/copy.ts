/**
 * One kept answer: what of it is kept, how long it is fresh, and how it answers a request. Called by
 * `route.ts`; pure but for the clock, which it is handed.
 */

/** `HIT`: from memory; `COALESCED`: from another's fetch; `STALE`: Orbit did not answer. */
export type XCache = "HIT" | "MISS" | "COALESCED" | "STALE";

/** An image as it was answered. */
export interface Copy {
  headers: Headers;
  body: ArrayBuffer;
  /** When it was answered, and until when it is fresh; milliseconds since 1970. */
  at: number;
  until: number;
}

const KEPT = [
  "content-type",
  "etag",
  "last-modified",
  "cache-control",
  "vary",
  "access-control-allow-origin",
  "cross-origin-resource-policy",
  "timing-allow-origin",
];
const PASSED = [...KEPT, "content-length", "content-range", "accept-ranges", "retry-after"];

/** The answer without its body, if it may be kept. */
export function copyOf(response: Response, now: number, ttlMs: number): Copy | null {
  const control = response.headers.get("cache-control") ?? "";
  const type = response.headers.get("content-type") ?? "";
  if (response.status !== 200 || !type.startsWith("image/")) return null;
  if (/\b(no-store|private)\b/.test(control)) return null;
  const headers = pick(response.headers, KEPT);
  return { headers, body: new ArrayBuffer(0), at: now, until: now + freshMs(control, ttlMs) };
}

/** The copy after Orbit has said that it is good. */
export function refreshed(copy: Copy, response: Response, now: number, ttlMs: number): Copy {
  const headers = new Headers(copy.headers);
  for (const [name, value] of pick(response.headers, KEPT)) headers.set(name, value);
  const until = now + freshMs(headers.get("cache-control") ?? "", ttlMs);
  return { ...copy, headers, at: now, until };
}

/** Whether the copy may answer without asking. */
export function isFresh(copy: Copy, now: number): boolean {
  return now < copy.until;
}

/** Answers a request from the copy. */
export function answer(copy: Copy, request: Request, how: XCache): Response {
  const headers = new Headers(copy.headers);
  headers.set("x-cache", how);
  headers.set("age", String(Math.max(0, Math.floor((Date.now() - copy.at) / 1000))));
  headers.set("server-timing", `cache;desc="${how}"`);
  if (matches(request, copy.headers)) return new Response(null, { status: 304, headers });
  headers.set("content-length", String(copy.body.byteLength));
  return new Response(request.method === "HEAD" ? null : copy.body, { headers });
}

/** Hands an answer on, with the headers that are the browser's affair. */
export function passOn(response: Response, request: Request): Response {
  const headers = pick(response.headers, PASSED);
  headers.set("x-cache", "MISS");
  headers.set("server-timing", 'cache;desc="MISS"');
  if (response.status === 200 && matches(request, response.headers)) {
    response.body?.cancel();
    headers.delete("content-length");
    return new Response(null, { status: 304, headers });
  }
  const empty = [204, 304].includes(response.status) || request.method === "HEAD";
  return new Response(empty ? null : response.body, { status: response.status, headers });
}

/** An error as Orbit tells it (RFC 9457). */
export function problem(status: number, code: string, detail: string): Response {
  const body = { type: "about:blank", title: code, status, detail, code };
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  return new Response(JSON.stringify(body), { status, headers });
}

function freshMs(control: string, ttlMs: number): number {
  const age = /\bs-maxage=(\d+)/.exec(control) ?? /\bmax-age=(\d+)/.exec(control);
  return Math.min(ttlMs, age ? Number(age[1]) * 1000 : ttlMs);
}

/** RFC 9110 section 13.1.2: one of the tags, by weak comparison. */
function matches(request: Request, headers: Headers): boolean {
  const weak = (tag: string): string => tag.trim().replace(/^W\//, "");
  const etag = headers.get("etag");
  const asked = request.headers.get("if-none-match");
  if (!etag || !asked) return false;
  return asked.split(",").some((tag) => tag.trim() === "*" || weak(tag) === weak(etag));
}

function pick(from: Headers, names: readonly string[]): Headers {
  const headers = new Headers();
  for (const name of names) {
    const value = from.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}
