/** Variants in URLs and in sets of URLs: what is asked for, and what is left as it was. */
import { describe, expect, it } from "vitest";
import { getProxiedImageUrl, imageSrcSet, WIDTHS } from "../src/index.js";

const image = "http://localhost:8000/images/hero";

describe("options for variants", () => {
  it.each([
    [{ w: 640 }, "/api/images/hero?w=640"],
    [{ w: 500 }, "/api/images/hero?w=640"],
    [{ w: 9000 }, "/api/images/hero?w=3840"],
    [{ w: 1 }, "/api/images/hero?w=32"],
    [{ h: 300, fit: "cover" }, "/api/images/hero?h=384&fit=cover"],
    [
      { fm: "auto", q: 75, w: 256, dpr: 2, preset: "thumb" },
      "/api/images/hero?preset=thumb&w=256&dpr=2&q=75&fm=auto",
    ],
    [{}, "/api/images/hero"],
    [{ w: undefined }, "/api/images/hero"],
  ] as const)("%j", (options, output) => {
    expect(getProxiedImageUrl(image, options)).toBe(output);
    expect(getProxiedImageUrl(output, options)).toBe(output);
  });

  it("take the place of those that were there, and leave the others", () => {
    expect(getProxiedImageUrl("/api/images/hero?w=96&q=50", { w: 640 })).toBe(
      "/api/images/hero?w=640&q=50",
    );
  });

  it("keep the host of an URL at the edge, and drop its hash", () => {
    const url = "http://localhost:8000/api/images/hero#top";
    expect(getProxiedImageUrl(url, { w: 64 })).toBe("http://localhost:8000/api/images/hero?w=64");
  });

  it.each([
    "/api/images/hero?w=641&s=abc",
    "data:image/png;base64,AA==",
    "blob:http://localhost/1",
    "https://cdn.example.com/images/hero",
    "",
  ])("change nothing of %s", (url) => {
    expect(getProxiedImageUrl(url, { w: 64 })).toBe(url);
  });
});

describe("imageSrcSet", () => {
  it("offers smaller widths, and the image itself as the largest", () => {
    expect(imageSrcSet(image, { width: 512 })).toBe(
      "/api/images/hero?w=128 128w, /api/images/hero?w=256 256w, /api/images/hero?w=384 384w, /api/images/hero 512w",
    );
  });

  it("offers widths that every server makes", () => {
    const widths = [...imageSrcSet(image).matchAll(/ (\d+)w/g)].map(([, width]) => Number(width));
    expect(widths.length).toBeGreaterThan(3);
    expect(WIDTHS).toEqual(expect.arrayContaining(widths));
  });

  it("takes the widths, the quality and the format that it is given", () => {
    expect(imageSrcSet(image, { widths: [64, 96], q: 75, fm: "auto", base: "/cdn" })).toBe(
      "/cdn/api/images/hero?w=64&q=75&fm=auto 64w, /cdn/api/images/hero?w=96&q=75&fm=auto 96w",
    );
  });

  it.each(["", "/logo.png", "data:image/png;base64,AA=="])("is empty for %j", (url) => {
    expect(imageSrcSet(url)).toBe("");
  });
});
