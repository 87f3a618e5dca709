// The edge that Orbit replaces: a Map of the last 50 pictures for an hour, then Next's own fetch cache for an
// hour, then the Python backend. One process, one Map; nothing joins two misses on one id.

const BACKEND = process.env.BACKEND_URL;
const MAX_IMAGES = 50;
const LIFETIME_MS = 3600 * 1000;

type Held = { body: Buffer; type: string; since: number };

const held = new Map<string, Held>();

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  const found = held.get(id);
  if (found && Date.now() - found.since < LIFETIME_MS) {
    held.delete(id); // set again: a Map keeps the order of insertion, so the first key is the least recently used
    held.set(id, found);
    return answer(found, "HIT");
  }

  const fetched = await fetch(`${BACKEND}/images/${encodeURIComponent(id)}`, {
    next: { revalidate: 3600 },
  });
  if (!fetched.ok) {
    return new Response("not found", { status: fetched.status });
  }
  const fresh: Held = {
    body: Buffer.from(await fetched.arrayBuffer()),
    type: fetched.headers.get("content-type") ?? "image/webp",
    since: Date.now(),
  };
  held.set(id, fresh);
  if (held.size > MAX_IMAGES) {
    held.delete(held.keys().next().value!);
  }
  return answer(fresh, "MISS");
}

function answer(image: Held, cache: "HIT" | "MISS"): Response {
  return new Response(image.body as BodyInit, {
    headers: {
      "Content-Type": image.type,
      "Cache-Control": "public, max-age=3600, immutable",
      "X-Cache": cache,
    },
  });
}
