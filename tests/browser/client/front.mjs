// The web app of the client's tests: a small server that serves the package's files and two pages, and hands Orbit's
// paths on to a real `orbit serve`, as an app's rewrites do.
//
// Called by client.test.mjs. What crosses it is noted (`asked`), and it can do what networks do: hold images back,
// cut lines in the middle of an event, and be away. Counting here and not in the browser leaves the browser's cache as it is.

import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, request as ask } from 'node:http';
import { once } from 'node:events';
import path from 'node:path';

const PACKAGE = path.resolve(import.meta.dirname, '../../../packages/client/dist');
const PAGES = import.meta.dirname;
const PROXIED = /^\/(api\/images|images|threads|generations|purge)(\/|\?|$)/;
const TYPES = { '.js': 'text/javascript', '.html': 'text/html', '.json': 'application/json' };

/** Starts it in front of `orbit`, an origin. `board` is the text of the bundled board. */
export async function startFront(orbit, board) {
  if (!existsSync(path.join(PACKAGE, 'index.js'))) throw new Error('build the package first: cd packages/client && npm ci && npm run build');
  const front = new Front(orbit, board);
  await front.start();
  return front;
}

class Front {
  /** Each request for Orbit: its path, and what came of it. */
  asked = [];
  /** Set to a promise: images wait for it. */
  gate = null;
  /** Set to true: images come without leave for other origins. */
  withoutCors = false;
  /** Set to true: events have a backend's URLs, as those of the reference's backend. */
  backendUrls = false;
  #streams = new Set();
  #port = 0;

  constructor(orbit, board) {
    this.orbit = orbit;
    this.board = board;
  }

  get origin() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start() {
    this.server = createServer((request, response) => this.#serve(request, response));
    this.server.listen(this.#port, '127.0.0.1');
    await once(this.server, 'listening');
    this.#port = this.server.address().port;
  }

  /** Away, as a server that was stopped; `start` brings it back at the same address. */
  async stop() {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  /** The paths of images that were asked for. */
  get images() {
    return this.asked.filter(({ path: one }) => one.startsWith('/api/images/'));
  }

  /** Cuts all event streams. */
  cutStreams() {
    for (const stream of this.#streams) stream.destroy();
  }

  async #serve(request, response) {
    const { pathname } = new URL(request.url, this.origin);
    if (PROXIED.test(request.url)) return this.#proxy(request, response);
    if (pathname === '/gallery') return response.writeHead(200, { 'content-type': TYPES['.html'] }).end(await this.#gallery(request.url));
    if (pathname === '/board.js') return response.writeHead(200, { 'content-type': TYPES['.js'] }).end(this.board);
    const [folder, name] = pathname.startsWith('/pkg/') ? [PACKAGE, pathname.slice(5)] : [PAGES, `${pathname.slice(1)}.html`];
    const file = pathname === '/orbit-sw.js' ? path.join(PACKAGE, 'orbit-sw.js')
      : pathname === '/page.js' ? path.join(PAGES, 'page.js') : path.join(folder, name);
    if (pathname === '/favicon.ico') return response.writeHead(204).end();
    if (!file.startsWith(PACKAGE) && !file.startsWith(PAGES) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'text/plain', 'cache-control': 'no-cache' });
    createReadStream(file).pipe(response);
  }

  /** The page with the images of its thread in it. */
  async #gallery(url) {
    const thread = new URL(url, this.origin).searchParams.get('thread');
    const { images } = thread ? await (await fetch(`${this.orbit}/images?thread_id=${thread}`)).json() : { images: [] };
    const elements = images.map(({ id, url: src, width, height, created_at, placeholder: { color, data_url } }) => (
      `<orbit-image src="${src}" alt="${id}" width="${width}" height="${height}" color="${color}" placeholder="${data_url}" created-at="${created_at}"></orbit-image>`));
    return (await readFile(path.join(PAGES, 'gallery.html'), 'utf8')).replace('<!-- images -->', elements.join(''));
  }

  async #proxy(request, response) {
    const note = { path: request.url, method: request.method, headers: request.headers, status: 0, xCache: null };
    this.asked.push(note);
    const { host, ...headers } = request.headers;
    const onward = ask(`${this.orbit}${request.url}`, { method: request.method, headers });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    onward.on('response', async (answer) => {
      note.status = answer.statusCode;
      note.xCache = answer.headers['x-cache'] ?? null;
      const isImage = request.url.startsWith('/api/images/');
      if (isImage && this.gate) await this.gate;
      if (this.withoutCors) delete answer.headers['access-control-allow-origin'];
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      if (!answer.headers['content-type']?.startsWith('text/event-stream')) return answer.pipe(response);
      this.#streams.add(response);
      response.on('close', () => this.#streams.delete(response));
      answer.on('data', (bytes) => response.write(this.backendUrls ? String(bytes).replaceAll('"/api/images/', `"${this.orbit}/images/`) : bytes));
      answer.on('end', () => response.end());
    });
    request.pipe(onward);
  }
}

/** The board as one script: React, and the package as it is built. */
export async function bundleBoard() {
  const modules = path.resolve(PACKAGE, '../node_modules');
  const { build } = await import(path.join(modules, 'esbuild/lib/main.js'));
  const { outputFiles } = await build({
    entryPoints: [path.join(PAGES, 'board.jsx')],
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    nodePaths: [modules],
    alias: { 'orbit-images/react': path.join(PACKAGE, 'react/index.js'), 'orbit-images/sw': path.join(PACKAGE, 'sw/index.js') },
  });
  return outputFiles[0].text;
}
