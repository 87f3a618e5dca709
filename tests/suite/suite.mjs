// The public HTTP cache suite (https://cache-tests.fyi) against the real binary.
//
// `npm test`, or `node suite.mjs ID..` to see what these tests send and get. ORBIT_BIN names the binary.
// expected.json lists each required or optimal test that is known not to pass, and why; the run fails if another does not pass, and if
// a listed one does. Checks ask how a cache behaves and no answer is wrong: they are counted only. A test that builds on one
// that does not pass says nothing, and counts as not passed. Not run are tests for browsers, and those of Surrogate-Control,
// which the suite's own index leaves out too: Orbit reads CDN-Cache-Control (RFC 9213) instead.

import { readFile } from 'node:fs/promises';
import { setBaseUrl, setFetch } from 'http-cache-tests/client/config.mjs';
import { makeCacheTest, testResults } from 'http-cache-tests/client/test.mjs';
import suites from 'http-cache-tests/tests/index.mjs';
import fetch from 'node-fetch';
import { startEdge, startOrigin } from './servers.mjs';

const PATIENCE_MS = 30_000;
const AT_ONCE = 100;
const GRADED = ['required', 'optimal'];

const expected = JSON.parse(await readFile(new URL('expected.json', import.meta.url), 'utf8'));
const all = suites.flatMap(({ tests }) => tests);
const tests = new Map(all.filter((test) => !test.browser_only).map((test) => [test.id, test]));
const kindOf = ({ kind }) => kind ?? 'required';

process.once('SIGTERM', () => process.exit(143));
process.once('SIGINT', () => process.exit(130));

const chosen = process.argv.slice(2);
const failures = chosen.length > 0 ? await runSome(chosen) : judge(await run([...tests.values()]));
for (const failure of failures) console.error(failure);
process.exitCode = failures.length > 0 ? 1 : 0;

/** Runs tests; resolves to the suite's results by id: `true`, or the kind of a fault and its message. */
async function run(chosenTests) {
  const origin = await startOrigin();
  let edge;
  try {
    edge = await startEdge(origin.address);
    setBaseUrl(edge.address);
    setFetch((url, init) => fetch(url, { timeout: PATIENCE_MS, ...init }));
    // Several hang-ups in a row open the edge's breaker, and then it asks the origin for no other test either: one at a time.
    const hangsUp = ({ requests }) => requests.some(({ disconnect }) => disconnect);
    const [calm, rude] = [chosenTests.filter((test) => !hangsUp(test)), chosenTests.filter(hangsUp)];
    await Promise.all([runAll(calm, AT_ONCE), runAll(rude, 1)]);
    return testResults;
  } finally {
    await edge?.stop();
    origin.stop();
  }
}

/** Runs tests, some at once; each leaves its result with the suite. */
async function runAll(queue, atOnce) {
  const left = queue.values();
  const lane = async () => { for (const test of left) await makeCacheTest(test); };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** Runs the tests of these ids and shows what went over the wire; resolves to a line for each that does not pass. */
async function runSome(ids) {
  const unknown = ids.filter((id) => !tests.has(id));
  if (unknown.length > 0) return unknown.map((id) => `${id}: there is no such test`);
  const results = await run(ids.map((id) => Object.assign(tests.get(id), { dump: true })));
  return ids.filter((id) => results[id] !== true).map((id) => describe(tests.get(id), results[id].join(': ')));
}

/** Prints the summary; returns a line for each difference from what is expected. */
function judge(results) {
  const faults = new Map([...tests.keys()].map((id) => [id, faultOf(id, results)]));
  console.log(summary(faults));
  const graded = [...tests.values()].filter((test) => GRADED.includes(kindOf(test)));
  const missed = graded.filter(({ id }) => faults.get(id) && !(id in expected));
  const passed = graded.filter(({ id }) => !faults.get(id) && id in expected);
  const unknown = Object.keys(expected).filter((id) => !graded.includes(tests.get(id)));
  return [
    ...missed.map((test) => describe(test, faults.get(test.id))),
    ...passed.map((test) => describe(test, 'it passes now: take it out of expected.json')),
    ...unknown.map((id) => `${id}: listed in expected.json, but no required or optimal test`),
  ];
}

/** Why a test does not pass; nothing where it does. */
function faultOf(id, results) {
  const base = tests.get(id)?.depends_on?.find((other) => faultOf(other, results));
  if (base) return `builds on ${base}, which does not pass`;
  if (results[id] === undefined) return 'it gave no result';
  return results[id] === true ? undefined : results[id].join(': ');
}

function summary(faults) {
  const counts = [...GRADED, 'check'].map((kind) => {
    const ids = [...tests.values()].filter((test) => kindOf(test) === kind).map(({ id }) => id);
    const passed = ids.filter((id) => !faults.get(id)).length;
    return kind === 'check' ? `checks ${passed} yes of ${ids.length}` : `${kind} ${passed} of ${ids.length}`;
  });
  return `${counts.join(', ')}; ${Object.keys(expected).length} known not to pass, ${all.length - tests.size} for browsers only`;
}

function describe(test, fault) {
  return `${test.id} (${kindOf(test)}): ${test.name}\n    ${fault}`;
}
