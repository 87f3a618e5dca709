/**
 * The types say what the golden files say. The first test shows that the check can fail; the others
 * are the check, a noun each, and what types can't say of the values.
 */
import { describe, expect, it } from "vitest";
import type { ImageMetadata, OrbitEvent } from "../src/index.js";
import { readCases, typeErrors } from "./contract.js";

type Case = { name: string; json: Record<string, unknown> };
type EventCase = OrbitEvent & { name: string };

const nouns = {
  metadata: "ImageMetadata",
  list: "ImageList",
  job: "Job",
  receipt: "Receipt",
  errors: "Problem",
};

describe("the golden files", () => {
  it.each(Object.entries(nouns))("%s.json fits %s", (noun, type) => {
    const values = readCases<Case>(noun).map(({ json }) => ({ type, value: json }));
    expect(values).not.toHaveLength(0);
    expect(typeErrors(values)).toEqual([]);
  });

  it("events.json fits OrbitEvent and has every event", () => {
    const cases = readCases<EventCase>("events");
    const values = cases.map(({ event, data }) => ({ type: "OrbitEvent", value: { event, data } }));
    expect(typeErrors(values)).toEqual([]);
    expect(new Set(cases.map(({ event }) => event))).toEqual(
      new Set([
        "concept_started",
        "concept_preview",
        "concept_progress",
        "concept_failed",
        "concepts_generated",
        "image_purged",
      ]),
    );
  });

  it.each([...Object.keys(nouns), "events", "urls"])("%s.json names each case once", (noun) => {
    const names = readCases<{ name: string }>(noun).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it("metadata has digests, times and ids in their one form", () => {
    for (const { json } of readCases<{ json: ImageMetadata }>("metadata")) {
      expect(json.digest).toMatch(/^blake3:[0-9a-f]{64}$/);
      expect(new Date(json.created_at).toISOString()).toBe(json.created_at);
      expect(json.url).toBe(`/api/images/${json.id}`);
      expect(json.placeholder.data_url).toMatch(/^data:image\/png;base64,/);
      expect(json.placeholder.color).toMatch(/^#[0-9a-f]{6}$/);
    }
  });
});

describe("a value that does not fit", () => {
  const [first] = readCases<Case>("metadata");
  const good = first?.json ?? {};
  const { digest: _, ...missing } = good;
  const event = { thread_id: "t", id: "a" };

  it.each([
    ["a missing field", "ImageMetadata", missing, /'digest' is missing/],
    [
      "an unknown field",
      "ImageMetadata",
      { ...good, colour: "red" },
      /colour.* does not exist in type 'ImageMetadata'/,
    ],
    [
      "null for a field that is always known",
      "ImageMetadata",
      { ...good, width: null },
      /'null' is not assignable to type 'number'/,
    ],
    [
      "a prompt in an event",
      "EventImage",
      { ...good, prompt: "p" },
      /prompt.* does not exist in type 'EventImage'/,
    ],
    [
      "another event's data",
      "OrbitEvent",
      { event: "concept_failed", data: event },
      /id.* does not exist in type 'ConceptFailed'/,
    ],
    ["an unknown event", "OrbitEvent", { event: "image_lost", data: event }, /image_lost/],
  ])("is refused for %s", (_name, type, value, message) => {
    expect(typeErrors([{ type, value }]).join("\n")).toMatch(message);
  });
});
