// The two servers of a run: the suite's scripted origin, in this process, and the real `orbit edge` in front of it.
//
// Called by suite.mjs. Both listen on free ports of loopback; the edge keeps copies in memory only and is stopped by its own handle.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import handleConfig from 'http-cache-tests/server/handle-config.mjs';
import handleState from 'http-cache-tests/server/handle-state.mjs';
import handleTest from 'http-cache-tests/server/handle-test.mjs';

const BINARY = path.resolve(process.env.ORBIT_BIN ?? path.join(import.meta.dirname, '../../target/debug/orbit'));
const START_MS = 30_000;
const HANDLERS = { config: handleConfig, state: handleState, test: handleTest };

/** Starts the origin, whose answers each test writes by PUT; resolves to its address and `stop()`. */
export async function startOrigin() {
  const server = http.createServer((request, response) => {
    const [kind, ...rest] = new URL(request.url, 'http://localhost').pathname.slice(1).split('/');
    if (kind in HANDLERS) return HANDLERS[kind](rest, request, response);
    response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${server.address().port}`, stop };
}

/** Starts `orbit edge` as a plain shared cache; resolves to its address and `stop()`, which fails if it had ended before. */
export async function startEdge(upstream) {
  // The settings of whoever runs this are not those of the run.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ORBIT_')));
  const args = ['edge', '--profile', 'rfc', '--upstream', upstream, '--listen', '127.0.0.1:0', '--disk', '0'];
  const child = spawn(BINARY, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
  });
  // Whatever ends this process ends the edge too.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let log = '';
  child.stderr.on('data', (text) => { log = (log + text).slice(-4000); });
  const end = async () => {
    const early = child.exitCode !== null || child.signalCode !== null;
    child.kill('SIGTERM');
    const how = await ended;
    process.off('exit', kill);
    return { early, how };
  };
  const stop = async () => {
    const { early, how } = await end();
    if (early) throw new Error(`${BINARY}: ${how} in the middle of the run\n${log}`);
  };
  try {
    return { address: await readAddress(child, ended), stop };
  } catch (error) {
    await end();
    throw new Error(`${BINARY}: ${error.message}\n${log}`);
  }
}

function readAddress(child, ended) {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => {
      const address = /^listening on (http:\/\/\S+)$/.exec(line)?.[1];
      if (address) resolve(address);
      else reject(new Error(`unexpected first line: ${line}`));
    });
    ended.then((how) => reject(new Error(how)));
    setTimeout(() => reject(new Error('it did not say where it listens')), START_MS).unref();
  });
}
