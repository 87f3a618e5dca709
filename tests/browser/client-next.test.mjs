// A Next.js app that is not ours, made as Next's own manual says, against a real `orbit serve`: it adds the package and
// two lines. The package is packed and installed as it would be from a registry.
//
// `npm test`, after packages/client was built. It needs npm's registry for Next itself.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { assertQuiet, draw, openPage, waitForState } from './client/harness.mjs';
import { startBrowser, startOrbit } from './harness.mjs';

const PACKAGE = path.resolve(import.meta.dirname, '../../packages/client');
const NEXT = ['next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1'];
const INSTALL = ['install', '--no-audit', '--no-fund', '--prefer-offline'];
const START_MS = 60_000;

const CONFIG = `import { withOrbit } from "orbit-images/next";
export default withOrbit({});
`;
const LAYOUT = `export default function Layout({ children }) {
  return <html lang="en"><body>{children}</body></html>;
}
`;
const page = (images) => `import Image from "next/image";
import { OrbitImage } from "orbit-images/react";
const images = ${JSON.stringify(images)};
export default function Page() {
  return <main>{images.map((image) => (
    <div key={image.id} style={{ width: 200 }}>
      <OrbitImage image={image} alt={image.id} sizes="200px" />
      <Image src={\`http://localhost:8000/images/\${image.id}\`} width={128} height={128} alt="" loading="eager" />
    </div>
  ))}</main>;
}
`;

let orbit;
let browser;
let folder;
let app;

before(async () => {
  orbit = await startOrbit(['serve']);
  browser = await startBrowser();
  folder = await mkdtemp(path.join(tmpdir(), 'orbit-fresh-'));
});

after(async () => {
  if (app && app.exitCode === null) {
    app.kill('SIGTERM');
    await once(app, 'exit');
  }
  await browser?.close();
  await orbit?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Runs a program in the app's folder. */
const run = (program, args, options = {}) => promisify(execFile)(program, args, { cwd: folder, maxBuffer: 1e7, ...options });

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts the app that was built; resolves to its origin once it answers. */
async function start(env) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  app = spawn(process.execPath, ['node_modules/next/dist/bin/next', 'start', '-p', String(port)], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    app.stdout.on('data', (text) => /Ready/.test(text) && resolve());
    app.once('exit', (code) => reject(new Error(`next ended with ${code}`)));
    setTimeout(() => reject(new Error('next did not start')), START_MS).unref();
  });
  return origin;
}

test('a fresh Next.js app shows images after one package and two lines', async () => {
  const images = await draw(orbit.origin, 'fresh', 3, '512x512');
  const env = { ...process.env, ORBIT_URL: orbit.origin, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ private: true }));
  await mkdir(path.join(folder, 'app'));
  await writeFile(path.join(folder, 'app/layout.jsx'), LAYOUT);
  await writeFile(path.join(folder, 'app/page.jsx'), page(images));
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: PACKAGE });
  await run('npm', [...INSTALL, ...NEXT, path.join(folder, stdout.trim())]);
  await writeFile(path.join(folder, 'next.config.mjs'), CONFIG);
  await run(process.execPath, ['node_modules/next/dist/bin/next', 'build'], { env });
  const origin = await start(env);

  const context = await browser.newContext({ viewport: { width: 800, height: 1200 } });
  const shown = await openPage(context, origin);
  await waitForState(shown, 'loaded', 3);
  await shown.waitForFunction(() => [...document.images].every(({ complete, naturalWidth }) => complete && naturalWidth > 0));
  const sources = await shown.$$eval('img', (all) => all.map(({ currentSrc }) => new URL(currentSrc)).map(({ origin: from, pathname }) => [from, pathname]));
  assert.equal(sources.length, 6);
  for (const [from, pathname] of sources) {
    assert.equal(from, origin);
    assert.match(pathname, /^\/api\/images\//);
  }
  const tiers = await shown.evaluate(async () => (await fetch(document.images[0].currentSrc, { cache: 'reload' })).headers.get('x-cache'));
  assert.equal(tiers, 'HIT');
  await assertQuiet(shown);

  // Without scripts the same page shows the same images.
  const plain = await (await browser.newContext({ javaScriptEnabled: false, viewport: { width: 800, height: 1200 } })).newPage();
  await plain.goto(origin, { waitUntil: 'load' });
  assert.equal(await plain.locator('.orbit-image img').count(), 3);
});
