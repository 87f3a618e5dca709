// @vitest-environment happy-dom
/** `<orbit-image>` in happy-dom: images load when the test says so. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defineOrbitImage, type OrbitImageElement } from "../src/element/index.js";
import { announcePurge } from "../src/purge.js";

beforeEach(() => {
  vi.useFakeTimers();
  HTMLImageElement.prototype.decode = async () => {};
  defineOrbitImage();
  defineOrbitImage();
});
afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
function show(attributes: Record<string, string>): OrbitImageElement {
  const element = document.createElement("orbit-image");
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  document.body.append(element);
  return element;
}
const images = (element: Element) => [...(element.shadowRoot?.querySelectorAll("img") ?? [])];
const SIDES = { width: "1024", height: "512", src: "/images/hero", alt: "a fox" };

describe("<orbit-image>", () => {
  it("goes from placeholder to thumbnail to image", async () => {
    const element = show({
      ...SIDES,
      color: "#abcdef",
      placeholder: "YLkJJwiAd4eCd4h3h3eIeIiHByd3cHIH",
    });
    const states: string[] = [];
    element.addEventListener("orbit-state", (event) => states.push((event as CustomEvent).detail));
    expect(element.style.aspectRatio).toBe("1024 / 512");
    expect(element.style.backgroundImage).toContain("data:image/bmp");
    expect(images(element).map((image) => image.getAttribute("src"))).toEqual([
      "/api/images/hero?w=256",
      "/api/images/hero",
    ]);
    expect(images(element)[1]?.alt).toBe("a fox");
    images(element)[0]?.onload?.(new Event("load"));
    images(element)[1]?.onload?.(new Event("load"));
    await settle();
    expect(images(element)).toHaveLength(1);
    expect([states, element.state]).toEqual([["thumbnail", "loaded"], "loaded"]);
    expect(element.getAttribute("state")).toBe("loaded");
  });

  it("offers widths, loads lazily, and at once with priority", () => {
    const [image] = images(show({ ...SIDES, sizes: "50vw", quality: "75" }));
    expect(image?.getAttribute("srcset")).toContain("?w=640&q=75 640w");
    expect(image?.getAttribute("loading")).toBe("lazy");
    const [first] = images(show({ ...SIDES, sizes: "50vw", priority: "" }));
    expect(first?.getAttribute("loading")).toBe("eager");
  });

  it("draws once for many attributes, and anew for another source", async () => {
    const element = show(SIDES);
    element.setAttribute("src", "/images/other");
    element.setAttribute("thumbnail", "false");
    await settle();
    expect(images(element).map((image) => image.getAttribute("src"))).toEqual([
      "/api/images/other",
    ]);
  });

  it("tries again, then shows a button that tries once more", async () => {
    const element = show({ ...SIDES, thumbnail: "false", retries: "1" });
    images(element)[0]?.onerror?.(new Event("error"));
    await settle(500);
    images(element)[0]?.onerror?.(new Event("error"));
    expect(element.state).toBe("error");
    element.shadowRoot?.querySelector("button")?.click();
    expect([element.state, images(element).length]).toEqual(["placeholder", 1]);
  });

  it("goes when it is purged, and hears nothing once it has left the page", () => {
    const element = show({ ...SIDES, "created-at": "2026-11-28T10:00:00.000Z" });
    announcePurge("hero", Date.parse("2026-11-28T09:00:00.000Z"));
    expect(element.state).toBe("placeholder");
    announcePurge("hero", Date.parse("2026-11-28T11:00:00.000Z"));
    expect([element.state, images(element).length]).toEqual(["gone", 0]);
    const other = show({ ...SIDES, src: "/images/two" });
    other.remove();
    announcePurge("two", Date.now());
    expect(other.state).toBe("placeholder");
  });
});
