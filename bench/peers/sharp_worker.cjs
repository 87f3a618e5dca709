// sharp, asked over standard input with lines of JSON and answering with lines of JSON; see README.md.
//
// Times are taken here, around what turns a file's bytes into a file's bytes, after one turn that is not counted.
// CommonJS, so that NODE_PATH finds the package in target/bench-peers.

const { readFileSync, writeFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const sharp = require("sharp");

sharp.concurrency(1);
sharp.cache(false);

function encode(data, job) {
  let image = sharp(data);
  if (job.width) image = image.resize(job.width);
  const options = { quality: job.quality, ...(job.effort === undefined ? {} : { effort: job.effort }) };
  return image.toFormat(job.format, options).toBuffer();
}

async function answer(job) {
  const data = readFileSync(job.source);
  const ms = [];
  const cpuMs = [];
  let made;
  for (let turn = 0; turn <= job.turns; turn += 1) {
    const since = performance.now();
    const spent = process.cpuUsage();
    made = await encode(data, job);
    const { user, system } = process.cpuUsage(spent);
    if (turn > 0) {
      ms.push(performance.now() - since);
      cpuMs.push((user + system) / 1000);
    }
  }
  writeFileSync(job.out, made);
  return { ms, cpu_ms: cpuMs };
}

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

(async () => {
  say({ name: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}, libwebp ${sharp.versions.webp}` });
  for await (const line of createInterface({ input: process.stdin })) {
    say(await answer(JSON.parse(line)).catch((error) => ({ error: String(error) })));
  }
})();
