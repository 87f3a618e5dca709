/**
 * As much of a service worker's global scope as is used here. TypeScript's own types for it cannot stand
 * beside those of a page in one program.
 */

/** An event that keeps the worker alive until a promise has ended. */
export interface LifeEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}

/** A request of a page. */
export interface PageFetch extends LifeEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** A page, or another worker. */
export interface Client {
  readonly id: string;
  postMessage(message: unknown): void;
}

/** A message of a page. */
export interface PageMessage extends LifeEvent {
  readonly data: unknown;
  readonly source: Client | null;
  readonly ports: readonly MessagePort[];
}

interface Events {
  install: LifeEvent;
  activate: LifeEvent;
  fetch: PageFetch;
  message: PageMessage;
}

/** `self` in a service worker. */
export interface WorkerScope {
  readonly caches: CacheStorage;
  readonly location: { readonly href: string; readonly origin: string };
  readonly clients: { claim(): Promise<void>; matchAll(): Promise<readonly Client[]> };
  skipWaiting(): Promise<void>;
  fetch: typeof fetch;
  addEventListener<N extends keyof Events>(name: N, listener: (event: Events[N]) => void): void;
}
