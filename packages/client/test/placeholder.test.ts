/** ThumbHashes, against the library of their inventor, and the picture that is made of them. */
import fc from "fast-check";
import { rgbaToThumbHash, thumbHashToRGBA } from "thumbhash";
import { describe, expect, it } from "vitest";
import { placeholderDataUrl } from "../src/index.js";
import { thumbHashToPixels } from "../src/placeholder.js";
import type { ImageMetadata } from "../src/types.js";
import { readCases } from "./contract.js";

const picture = fc
  .record({
    width: fc.integer({ min: 1, max: 40 }),
    height: fc.integer({ min: 1, max: 40 }),
    opaque: fc.boolean(),
  })
  .chain(({ width, height, opaque }) => {
    const size = width * height * 4;
    return fc.uint8Array({ minLength: size, maxLength: size }).map((rgba) => {
      if (opaque) for (let at = 3; at < size; at += 4) rgba[at] = 255;
      return rgbaToThumbHash(width, height, rgba);
    });
  });

describe("the pixels of a ThumbHash", () => {
  it("are those of the library, but for rounding", () => {
    fc.assert(
      fc.property(picture, (hash) => {
        const theirs = thumbHashToRGBA(hash);
        const ours = thumbHashToPixels(hash, 32);
        expect([ours.width, ours.height]).toEqual([theirs.w, theirs.h]);
        const distance = ours.rgba.map((value, at) => Math.abs(value - (theirs.rgba[at] ?? 0)));
        expect(Math.max(...distance)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });
});

describe("placeholderDataUrl", () => {
  it("gives a picture for each golden hash", () => {
    for (const { json } of readCases<{ json: ImageMetadata }>("metadata")) {
      const [head, body] = placeholderDataUrl(json.placeholder.thumbhash).split(",");
      expect(head).toBe("data:image/bmp;base64");
      const bytes = Buffer.from(body ?? "", "base64");
      expect(bytes.subarray(0, 2).toString()).toBe("BM");
      expect(bytes.readUInt32LE(2)).toBe(bytes.length);
      const [width, height] = [bytes.readInt32LE(18), -bytes.readInt32LE(22)];
      expect(Math.max(width, height)).toBe(16);
      expect(bytes.length - bytes.readUInt32LE(10)).toBe(width * height * 4);
    }
  });

  it.each(["", "!", "AAA=", "no hash"])("gives nothing for %j", (text) => {
    expect(placeholderDataUrl(text)).toBe("");
  });

  it("throws for no string", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        (text) => typeof placeholderDataUrl(text) === "string",
      ),
    );
    fc.assert(
      fc.property(fc.base64String(), (text) => typeof placeholderDataUrl(text) === "string"),
    );
  });
});
