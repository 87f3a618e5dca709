/** Event streams in pieces: how the bytes are cut must not matter. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Message, readMessages } from "../src/sse.js";

const TEXT =
  ': hello\n\nid: 1-0\nevent: a\ndata: {"title":"\u2028data: x\u00e9\ud83d\ude00"}\n\n' +
  ":\n\r\nid: 2-0\r\nevent: b\r\ndata:one\r\ndata: two\r\n\r\nretry: 5\n\nevent: c\n\ndata: cut";

async function read(pieces: Uint8Array[]): Promise<Message[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const messages = [];
  for await (const message of readMessages(body, () => {})) messages.push(message);
  return messages;
}

const EXPECTED = [
  { id: "1-0", event: "a", data: '{"title":"\u2028data: x\u00e9\ud83d\ude00"}' },
  { id: "2-0", event: "b", data: "one\ntwo" },
];

describe("a stream", () => {
  const bytes = new TextEncoder().encode(TEXT);

  it("gives its messages, and not the one that was cut off", async () => {
    expect(await read([bytes])).toEqual(EXPECTED);
  });

  it("gives the same however it is cut", async () => {
    const cuts = fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const ends = [...places.sort((a, b) => a - b), bytes.length];
        const pieces = ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
        expect(await read(pieces)).toEqual(EXPECTED);
      }),
    );
  });
});
