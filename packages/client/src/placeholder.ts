/**
 * A ThumbHash as a picture. The hash (evanw.github.io/thumbhash) is a handful of cosines a channel; they
 * are summed up into 16 pixels a side, which browsers draw large and soft, and wrapped as a PNG without
 * compression.
 */

const SIDE = 16;

/** A small PNG as a `data:` URL of a ThumbHash in base64; empty where it is none. */
export function placeholderDataUrl(thumbhash: string): string {
  try {
    const { width, height, rgba } = thumbHashToPixels(bytesOf(thumbhash), SIDE);
    return `data:image/png;base64,${btoa(String.fromCharCode(...png(width, height, rgba)))}`;
  } catch {
    return "";
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64.replace(/-/g, "+").replace(/_/g, "/")), (c) =>
    c.charCodeAt(0),
  );
}

/** Cosines of one channel: `nx` times `ny` of them, of which the larger half is left out. */
type Channel = (fx: number[], fy: number[]) => number;

/** The pixels of a ThumbHash, the longer side `side` long. */
export function thumbHashToPixels(
  hash: Uint8Array,
  side: number,
): { width: number; height: number; rgba: number[] } {
  const byte = (index: number): number => {
    const value = hash[index];
    if (value === undefined) throw new RangeError("the hash is too short");
    return value;
  };
  const head = byte(0) | (byte(1) << 8) | (byte(2) << 16);
  const tail = byte(3) | (byte(4) << 8);
  const hasAlpha = head >> 23;
  const landscape = tail >> 15;
  const short = Math.max(3, hasAlpha ? 5 : 7);
  const lx = landscape ? short : Math.max(3, tail & 7);
  const ly = landscape ? Math.max(3, tail & 7) : short;
  // The shape is told by the numbers as they stand, the cosines by at least three.
  const ratio = landscape ? short / (tail & 7) : (tail & 7) / short;

  let at = (hasAlpha ? 6 : 5) * 2;
  const nibble = (): number => (byte(at >> 1) >> ((at++ & 1) << 2)) & 15;
  const channel = (nx: number, ny: number, mean: number, scale: number): Channel => {
    const factors: [number, number, number][] = [];
    for (let cy = 0; cy < ny; cy++) {
      for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx++) {
        factors.push([cx, cy, (nibble() / 7.5 - 1) * scale]);
      }
    }
    return (fx, fy) =>
      factors.reduce(
        (sum, [cx, cy, factor]) => sum + factor * (fx[cx] ?? 0) * (fy[cy] ?? 0) * 2,
        mean,
      );
  };
  const l = channel(lx, ly, (head & 63) / 63, ((head >> 18) & 31) / 31);
  const p = channel(3, 3, ((head >> 6) & 63) / 31.5 - 1, (((tail >> 3) & 63) / 63) * 1.25);
  const q = channel(3, 3, ((head >> 12) & 63) / 31.5 - 1, (((tail >> 9) & 63) / 63) * 1.25);
  const a = hasAlpha ? channel(5, 5, (byte(5) & 15) / 15, (byte(5) >> 4) / 15) : () => 1;

  const width = Math.round(ratio > 1 ? side : side * ratio);
  const height = Math.round(ratio > 1 ? side / ratio : side);
  const cosines = (position: number, length: number): number[] =>
    Array.from({ length: 7 }, (_, n) => Math.cos((Math.PI / length) * (position + 0.5) * n));
  const rgba: number[] = [];
  for (let y = 0; y < height; y++) {
    const fy = cosines(y, height);
    for (let x = 0; x < width; x++) {
      const fx = cosines(x, width);
      const lightness = l(fx, fy);
      const blue = lightness - (2 / 3) * p(fx, fy);
      const red = (3 * lightness - blue + q(fx, fy)) / 2;
      for (const value of [red, red - q(fx, fy), blue, a(fx, fy)]) {
        rgba.push(Math.max(0, 255 * Math.min(1, value)) | 0);
      }
    }
  }
  return { width, height, rgba };
}

function png(width: number, height: number, rgba: number[]): number[] {
  const row = width * 4;
  const data: number[] = [];
  for (let y = 0; y < height; y++) data.push(0, ...rgba.slice(y * row, (y + 1) * row));
  let low = 1;
  let high = 0;
  for (const value of data) {
    low = (low + value) % 65521;
    high = (high + low) % 65521;
  }
  const size = data.length;
  // One stored block (RFC 1951) between zlib's header and its Adler-32.
  const stored = [120, 1, 1, size & 255, size >> 8, ~size & 255, (~size >> 8) & 255];
  return [
    137,
    80,
    78,
    71,
    13,
    10,
    26,
    10,
    ...chunk("IHDR", [...word(width), ...word(height), 8, 6, 0, 0, 0]),
    ...chunk("IDAT", [...stored, ...data, ...word((high << 16) | low)]),
    ...chunk("IEND", []),
  ];
}

function chunk(name: string, body: number[]): number[] {
  const named = [...Array.from(name, (c) => c.charCodeAt(0)), ...body];
  let crc = -1;
  for (const value of named) {
    crc ^= value;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return [...word(body.length), ...named, ...word(~crc)];
}

const word = (n: number): number[] => [24, 16, 8, 0].map((shift) => (n >> shift) & 255);
