/**
 * A ThumbHash as a picture. The hash (evanw.github.io/thumbhash) is a handful of cosines a channel; they
 * are summed up into 16 pixels a side, which browsers draw large and soft.
 */

const SIDE = 16;

/** A small picture as a `data:` URL of a ThumbHash in base64; empty where it is none. */
export function placeholderDataUrl(thumbhash: string): string {
  try {
    const hash = Array.from(atob(thumbhash), (c) => c.charCodeAt(0));
    if (hash.length > 4) return `data:image/bmp;base64,${btoa(bmp(thumbHashToPixels(hash, SIDE)))}`;
  } catch {
    // It is no base64.
  }
  return "";
}

/** Pixels from left to right and from top to bottom: red, green, blue and alpha, a byte each. */
interface Pixels {
  width: number;
  height: number;
  rgba: Uint8ClampedArray;
}

/** The pixels of a ThumbHash, the longer side `side` long. */
export function thumbHashToPixels(hash: ArrayLike<number>, side: number): Pixels {
  const byte = (index: number): number => hash[index] ?? 0;
  const head = byte(0) | (byte(1) << 8) | (byte(2) << 16);
  const tail = byte(3) | (byte(4) << 8);
  const hasAlpha = head >> 23;
  const landscape = tail >> 15;
  const long = hasAlpha ? 5 : 7;
  // The shape is told by the number as it stands, the cosines by at least three.
  const short = tail & 7;
  const few = Math.max(3, short);
  const width = Math.round(landscape ? side : (side * short) / long);
  const height = Math.round(landscape ? (side * short) / long : side);

  const bits = (from: number, shift: number): number => (from >> shift) & 63;
  const shapes: [nx: number, ny: number, mean: number, scale: number][] = [
    [
      landscape ? long : few,
      landscape ? few : long,
      bits(head, 0) / 63,
      (bits(head, 18) & 31) / 31,
    ],
    [3, 3, bits(head, 6) / 31.5 - 1, bits(tail, 3) / 50.4],
    [3, 3, bits(head, 12) / 31.5 - 1, bits(tail, 9) / 50.4],
    hasAlpha ? [5, 5, (byte(5) & 15) / 15, (byte(5) >> 4) / 15] : [0, 0, 1, 0],
  ];
  let at = hasAlpha ? 12 : 10;
  // Each channel at a place: its mean, and the sum of cosines of which the larger half is left out.
  const channels = shapes.map(([nx, ny, mean, scale]) => {
    const factors: number[][] = [];
    for (let cy = 0; cy < ny; cy++) {
      for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx++) {
        const nibble = (byte(at >> 1) >> ((at++ & 1) * 4)) & 15;
        factors.push([cx, cy, (nibble / 7.5 - 1) * scale * 2]);
      }
    }
    return (x: number, y: number): number =>
      factors.reduce(
        (sum, [cx = 0, cy = 0, factor = 0]) => sum + factor * Math.cos(x * cx) * Math.cos(y * cy),
        mean,
      );
  });
  const values: number[] = [];
  for (let row = 0.5; row < height; row++) {
    for (let column = 0.5; column < width; column++) {
      const place = [(Math.PI / width) * column, (Math.PI / height) * row] as const;
      const [l = 0, p = 0, q = 0, a = 0] = channels.map((channel) => channel(...place));
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      values.push(red, red - q, blue, a);
    }
  }
  return { width, height, rgba: Uint8ClampedArray.from(values, (value) => value * 255) };
}

// A BMP with alpha (BITMAPV4HEADER), a character a byte: it needs neither compression nor checksums.
function bmp({ width, height, rgba }: Pixels): string {
  const { length } = rgba;
  const words = new Int32Array(30);
  words.set([122 + length, 0, 122, 108, width, -height, 0x200001, 3, length]);
  words.set([0xff, 0xff00, 0xff0000, 0xff << 24, 0x73524742], 13);
  return `BM${String.fromCharCode(...new Uint8Array(words.buffer), ...rgba)}`;
}
