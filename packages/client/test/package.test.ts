/** The package as a whole: importing it does nothing, and needs neither a page nor React where that is not asked for. */
import { describe, expect, it } from "vitest";
import { defineOrbitImage } from "../src/element/index.js";
import { registerOrbitWorker, unregisterOrbitWorker, workerStats } from "../src/sw/index.js";

describe("on a server", () => {
  it("every entry can be imported, and leaves no global behind", async () => {
    const before = Object.getOwnPropertyNames(globalThis).sort();
    const entries = [
      await import("../src/index.js"),
      await import("../src/images.js"),
      await import("../src/react/index.js"),
      await import("../src/next/index.js"),
      await import("../src/next/loader.js"),
      await import("../src/sw/index.js"),
      await import("../src/sw/worker.js"),
      await import("../src/element/index.js"),
    ];
    for (const entry of entries) expect(Object.keys(entry)).not.toHaveLength(0);
    expect(Object.getOwnPropertyNames(globalThis).sort()).toEqual(before);
  });

  it("there is no worker and no element, and nobody minds", async () => {
    expect([
      await registerOrbitWorker(),
      await workerStats(),
      await unregisterOrbitWorker(),
    ]).toEqual([null, null, false]);
    expect(() => defineOrbitImage()).not.toThrow();
  });
});
