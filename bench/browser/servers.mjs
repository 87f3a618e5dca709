// Servers: what stands behind the three pages, each started here and stopped by its own handle, on free ports and in one folder.
//
// Called by bench.mjs. Knows how to make each forget what it has, and nothing of browsers.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';

const HERE = import.meta.dirname;
const APP = path.join(HERE, 'app');
const BASELINE = path.join(HERE, '../baseline');
const BINARY = path.resolve(process.env.ORBIT_BIN ?? path.join(HERE, '../../target/release/orbit'));
const THREAD = 'twelve-pictures';
const STYLES = ['hero', 'flat', 'line', 'paper'];

/** A process whose output is read; `line` waits for one that matches. */
function start(command, args, options = {}) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ORBIT_')));
  const child = spawn(command, args, { ...options, env: { ...env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let log = '';
  const lines = ['stdout', 'stderr'].map((name) => createInterface({ input: child[name] }));
  for (const from of lines) from.on('line', (text) => { log = `${log}${text}\n`.slice(-4000); });
  return {
    line: (pattern) => new Promise((resolve, reject) => {
      for (const from of lines) from.on('line', (text) => pattern.test(text) && resolve(pattern.exec(text)[1]));
      exited.then(([code]) => reject(new Error(`${command} ended with ${code}\n${log}`)), reject);
    }),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks until the answer is yes; after two minutes, names what did not come. */
async function until(what, ask) {
  const end = Date.now() + 120_000;
  while (!await ask()) {
    if (Date.now() > end) throw new Error(`${what}: not after two minutes`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const isUp = (url) => until(url, async () => (await fetch(url).catch(() => null))?.ok);

/** The origin with twelve pictures, and the baseline's backend with the same bytes under the same ids. */
export async function startBackends(folder) {
  const orbit = start(BINARY, ['serve', '--listen', '127.0.0.1:0', '--data-dir', path.join(folder, 'orbit')]);
  const running = [orbit];
  const address = await orbit.line(/^listening on (\S+)$/);
  const pictures = await draw(address);
  const file = path.join(folder, 'pictures.json');
  await writeFile(file, JSON.stringify(pictures.map(({ id, title, width, height, placeholder }) => ({ id, title, width, height, placeholder }))));

  const [redis, backend] = [await freePort(), await freePort()];
  running.push(start('redis-server', ['--port', String(redis), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]));
  const images = path.join(folder, 'images');
  await mkdir(images);
  await seed(pictures, address, images, redis);
  const env = { IMAGE_DIR: images, REDIS_URL: `redis://127.0.0.1:${redis}` };
  running.push(start(path.join(BASELINE, 'venv/bin/uvicorn'), ['backend:app', '--host', '127.0.0.1', '--port', String(backend), '--log-level', 'warning', '--no-access-log'], { cwd: BASELINE, env }));
  await isUp(`http://127.0.0.1:${backend}/healthz`);
  return {
    orbit: address, backend: `http://127.0.0.1:${backend}`, file, pictures,
    stop: async () => { for (const one of running.reverse()) await one.stop(); },
  };
}

async function draw(orbit) {
  const concepts = Array.from({ length: 12 }, (_, at) => ({ prompt: `picture ${at}`, style: STYLES[at % 4], title: `Picture ${at + 1}`, size: '1024x1024', seed: at + 1 }));
  const answer = await fetch(`${orbit}/generations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ thread_id: THREAD, concepts }) });
  const { job } = await answer.json();
  await (await fetch(`${orbit}/generations/${job}/events`)).text();
  // The second, smaller encoding takes the place of the first behind; measured is what stays.
  await until('the second encodings', async () => {
    const { codec } = await (await fetch(`${orbit}/stats`)).json();
    return codec.behind === 0 && codec.running === 0;
  });
  const { images } = await (await fetch(`${orbit}/images?thread_id=${THREAD}`)).json();
  return images.reverse();
}

async function seed(pictures, orbit, images, redis) {
  await isRedisUp(redis);
  const line = connect(redis, '127.0.0.1');
  for (const { id } of pictures) {
    const bytes = Buffer.from(await (await fetch(`${orbit}/images/${id}`)).arrayBuffer());
    await writeFile(path.join(images, `${id}.webp`), bytes);
    const words = ['SET', `image:${id}`, JSON.stringify({ file: `${id}.webp`, thread_id: THREAD, cached: true })];
    line.write(`*3\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
    await once(line, 'data');
  }
  line.end();
}

const isRedisUp = (port) => until('redis-server', () => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1', () => { socket.end(); resolve(true); }).on('error', () => resolve(false));
}));

/** The app and, before it, the edge: both new, with nothing in their caches, and warmed up by a page without pictures. */
export async function startFront({ orbit, backend, file }) {
  for (const name of ['fetch-cache', 'images']) await rm(path.join(APP, '.next/cache', name), { recursive: true, force: true });
  const port = await freePort();
  const env = { BACKEND_URL: backend, BENCH_PICTURES: file, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' };
  const words = [path.join(HERE, 'node_modules/next/dist/bin/next'), 'start', '--hostname', '127.0.0.1', '--port', String(port)];
  const app = start(process.execPath, words, { cwd: APP, env });
  await app.line(/(Ready in)/);
  const edge = start(BINARY, ['edge', '--listen', '127.0.0.1:0', '--upstream', orbit, '--app', `http://127.0.0.1:${port}`, '--disk', '0', '--log-level', 'off']);
  const doors = { app: `http://127.0.0.1:${port}`, edge: await edge.line(/^listening on (\S+)$/) };
  for (let at = 0; at < 30; at += 1) await (await fetch(`${at % 2 ? doors.app : doors.edge}/blank`)).text();
  return { ...doors, stop: async () => { await edge.stop(); await app.stop(); } };
}
