// An ordinary program: pictures by URL, as bytes, as they come, and edited; and what goes wrong.
//
// Prints one line of JSON for each thing that it got. It says what it wants by its first argument.

import fs from 'node:fs';
import OpenAI from 'openai';

const [model, size] = ['gpt-image-1', '256x192'];
const client = new OpenAI();
const tell = (fields) => console.log(JSON.stringify(fields));
const bytes = (text) => Buffer.from(text, 'base64').length;

const wishes = {
  async generate() {
    const answer = await client.images.generate({ model, prompt: 'a fox', size, n: 2, quality: 'high' });
    for (const { url, b64_json, orbit } of answer.data) {
      tell({ url, bytes: bytes(b64_json), placeholder: orbit.placeholder.color });
    }
    const other = await client.images.generate({ model: 'dall-e-3', prompt: 'a hen', size, response_format: 'b64_json' });
    tell({ url: other.data[0].url ?? null, bytes: bytes(other.data[0].b64_json) });
  },
  async stream() {
    const events = await client.images.generate({ model, prompt: 'an owl', size, stream: true, partial_images: 2 });
    for await (const event of events) {
      tell({ type: event.type, bytes: bytes(event.b64_json), index: event.partial_image_index ?? null });
    }
  },
  async edit(path) {
    const image = fs.createReadStream(path);
    const { data } = await client.images.edit({ model, image, prompt: 'a hat', orbit: { thread_id: 't' } });
    tell({ url: data[0].url, id: data[0].orbit.id });
  },
  async fail() {
    for (const wrong of [{ size: '9x9' }, { n: 99 }]) {
      try {
        await client.images.generate({ model, prompt: 'a fox', ...wrong });
      } catch (error) {
        if (!(error instanceof OpenAI.BadRequestError)) throw error;
        tell({ status: error.status, param: error.param ?? null, message: error.message });
      }
    }
    const models = [];
    for await (const { id } of client.models.list()) models.push(id);
    tell({ models });
  },
};

const [wish, ...words] = process.argv.slice(2);
await wishes[wish](...words);
