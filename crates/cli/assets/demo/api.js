// What the page asks of Orbit over HTTP, and how it follows a thread's events.
//
// Called by demo.js. Knows routes, problem+json and EventSource; knows nothing of what is on the screen.

const ADVICE = {
  busy: 'The queue is full. Wait a few seconds, then press the button again.',
  unauthorized: 'This server wants a token for changes, which this page does not hold. Use the command line with --token.',
  forbidden: 'Open the page under the address that orbit printed: changes are accepted from there alone.',
  invalid: 'The server did not accept what the page sent. Reload the page, it may be older than the server.',
  not_found: 'It is not there any more. Reload the page to see what is.',
  timeout: 'It took too long. Press the button again.',
  unreachable: 'Look at the terminal where orbit runs. If it has stopped, start it again with: orbit demo',
};

/** A request that failed, in words: what happened (`message`) and what to do (`advice`). */
export class Problem extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
    this.advice = ADVICE[code] ?? 'Look at the terminal where orbit runs: the reason is in its log.';
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem('unreachable', 'The server does not answer.');
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(problem.code ?? 'internal', problem.detail ?? `The server answered ${response.status}.`);
}

async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  const response = await ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.json();
}

/** The newest 200 images of a thread, oldest first, and whether there are older ones. */
export async function listImages(thread) {
  const response = await ask(`/images?thread_id=${encodeURIComponent(thread)}&limit=200`);
  const page = await response.json();
  return { images: page.images.reverse(), more: page.next_cursor !== null };
}

/** Removes every image of a thread from every tier of the server; resolves to the receipt. */
export const purgeThread = (thread) => post('/purge', { threads: [thread] });

/** Starts a batch of concepts; resolves to the job. */
export const startJob = (thread, concepts) => post('/generations', { thread_id: thread, concepts });

/** The job's present state. */
export const readJob = async (job) => (await ask(`/generations/${encodeURIComponent(job)}`)).json();

/** One image as a blob. `cache` is fetch's own word: "reload" asks the edge, "force-cache" the browser's cache. */
export const loadImage = async (url, cache) => (await ask(url, { cache })).blob();

const EVENTS = ['concept_progress', 'concept_failed', 'concepts_generated', 'image_purged'];
const BATCH_MS = 40;
const RETRY_MS = 2000;

/**
 * Follows a thread for as long as the page lives. `onEvents` gets events in small batches, so that what a replay adds
 * and removes again is never drawn. `onState` gets "live" or "reconnecting".
 */
export function followThread(thread, { onEvents, onState }) {
  let batch = [];
  let cursor = '';
  const flush = () => {
    const events = batch;
    batch = [];
    onEvents(events);
  };
  const receive = (message) => {
    cursor = message.lastEventId || cursor;
    if (batch.length === 0) setTimeout(flush, BATCH_MS);
    batch.push({ name: message.type, ...JSON.parse(message.data) });
  };
  const connect = () => {
    const after = cursor && `?after=${encodeURIComponent(cursor)}`;
    const source = new EventSource(`/threads/${encodeURIComponent(thread)}/events${after}`);
    for (const name of EVENTS) source.addEventListener(name, receive);
    source.addEventListener('open', () => onState('live'));
    source.addEventListener('error', () => {
      onState('reconnecting');
      // The browser retries a lost connection by itself, but gives up on an error status.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
    });
  };
  connect();
}
