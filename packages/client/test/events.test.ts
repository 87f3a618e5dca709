/**
 * Rewriting of whole events: which URLs change, and that nothing else does. The events are the golden
 * ones, with the edge's URLs as the server sends them and with a backend's in their place.
 */
import { describe, expect, expectTypeOf, it } from "vitest";
import { type OrbitEvent, rewriteEventUrls } from "../src/index.js";
import { readCases } from "./contract.js";

type EventCase = OrbitEvent & { name: string };

const BACKEND = "http://localhost:8000/images/";
const cases = readCases<EventCase>("events").map(({ name, event, data }) => ({
  name,
  proxied: { event, data } as OrbitEvent,
  backend: JSON.parse(
    JSON.stringify({ event, data }).replaceAll("/api/images/", BACKEND),
  ) as OrbitEvent,
}));

describe("rewriteEventUrls", () => {
  it.each(cases)("turns backend URLs into the edge's: $name", ({ backend, proxied }) => {
    const before = structuredClone(backend);
    expect(rewriteEventUrls(backend)).toEqual(proxied);
    expect(backend).toEqual(before);
  });

  it.each(cases)("leaves what is the edge's already: $name", ({ proxied }) => {
    expect(rewriteEventUrls(proxied)).toEqual(proxied);
  });

  it.each(cases)("shares nothing with its argument: $name", ({ backend }) => {
    const copy = rewriteEventUrls(backend);
    expect(copy.data).not.toBe(backend.data);
    if (copy.event === "concept_progress" && backend.event === copy.event) {
      expect(copy.data.image.placeholder).not.toBe(backend.data.image.placeholder);
    }
  });

  it("takes the options of getProxiedImageUrl", () => {
    const images = cases.flatMap(({ backend }) => {
      const { event, data } = rewriteEventUrls(backend, { base: "https://edge.example" });
      return event === "concepts_generated" ? data.images : [];
    });
    expect(images).not.toHaveLength(0);
    for (const { id, url } of images) expect(url).toBe(`https://edge.example/api/images/${id}`);
  });

  it("rewrites the variants of an image too", () => {
    const [made] = cases.flatMap(({ backend }) =>
      backend.event === "concept_progress" ? [backend] : [],
    );
    if (!made) throw new Error("there is no golden image");
    const variant = { format: "webp", quality: 85, width: 256, height: 256, bytes: 1 } as const;
    const { image } = made.data;
    const variants = [{ ...variant, url: `${BACKEND}${image.id}?w=256` }];
    const event = { ...made, data: { ...made.data, image: { ...image, variants } } };
    expect(rewriteEventUrls(event).data.image.variants[0]?.url).toBe(
      `/api/images/${image.id}?w=256`,
    );
  });

  it("does the same to an event that it does not know", () => {
    const event = { event: "image_made", data: { url: `${BACKEND}hero`, name: "x" } };
    const proxied = { event: "image_made", data: { url: "/api/images/hero", name: "x" } };
    expect(rewriteEventUrls(event as unknown as OrbitEvent)).toEqual(proxied);
  });

  it("keeps the event's type", () => {
    type Progress = Extract<OrbitEvent, { event: "concept_progress" }>;
    expectTypeOf(rewriteEventUrls<Progress>).returns.toEqualTypeOf<Progress>();
  });
});
