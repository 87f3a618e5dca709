/** The server's routes as functions: what is asked, what comes back, and what goes wrong. */
import { describe, expect, it, vi } from "vitest";
import { deleteImage, getImage, listImages, uploadImage } from "../src/images.js";
import {
  generate,
  type ImageList,
  type ImageMetadata,
  type Job,
  onPurge,
  type Receipt,
} from "../src/index.js";
import { readCases } from "./contract.js";
import { problem, serve } from "./server.js";

const [metadata] = readCases<{ json: ImageMetadata }>("metadata").map(({ json }) => json);
const [job] = readCases<{ json: Job }>("job").map(({ json }) => json);
const [receipt] = readCases<{ json: Receipt }>("receipt").map(({ json }) => json);
const list = readCases<{ json: ImageList }>("list")
  .map(({ json }) => json)
  .find(({ images }) => images.length > 0);

describe("requests", () => {
  it("generate posts a job, and gives its images with the edge's URLs", async () => {
    const asked = serve(Response.json(job, { status: 202 }));
    const request = { thread_id: "t", concepts: [{ prompt: "a fox", seed: 7 }], partial_images: 1 };
    const answer = await generate(request, { base: "https://edge.example" });
    expect(answer.images[0]?.url).toBe(`https://edge.example/api/images/${answer.images[0]?.id}`);
    expect([asked[0]?.method, asked[0]?.url]).toEqual(["POST", "http://page.example/generations"]);
    expect(await asked[0]?.json()).toEqual(request);
  });

  it("getImage asks for metadata", async () => {
    const asked = serve(Response.json(metadata));
    expect(await getImage("hero")).toEqual(metadata);
    expect(asked[0]?.url).toBe("http://page.example/images/hero/meta");
  });

  it("listImages asks for what it is told, and for nothing that is not known", async () => {
    const asked = serve(Response.json(list));
    expect(await listImages({ thread_id: "a b", cursor: null, limit: 2 })).toEqual(list);
    expect(asked[0]?.url).toBe("http://page.example/images?thread_id=a+b&limit=2");
  });

  it.each([
    [{ title: "Fox & hen" }, "POST", "/images?title=Fox+%26+hen"],
    [{ id: "fox", generated: true }, "PUT", "/images/fox?generated=true"],
  ])("uploadImage sends the bytes: %j", async (labels, method, path) => {
    const asked = serve(Response.json(metadata, { status: 201 }));
    await uploadImage(new Blob(["bytes"], { type: "image/png" }), labels, { token: "secret" });
    const [request] = asked;
    expect([request?.method, request?.url]).toEqual([method, `http://page.example${path}`]);
    expect(request?.headers.get("content-type")).toBe("image/png");
    expect(request?.headers.get("authorization")).toBe("Bearer secret");
    expect(await request?.text()).toBe("bytes");
  });

  it("deleteImage tells the page what is gone", async () => {
    const asked = serve(Response.json(receipt));
    const heard = vi.fn();
    const forget = onPurge(heard);
    expect(await deleteImage("hero")).toEqual(receipt);
    forget();
    expect(asked[0]?.method).toBe("DELETE");
    expect(heard.mock.calls).toEqual(receipt?.images.map((id) => [id, Date.parse(receipt.at)]));
  });
});

describe("failures", () => {
  it("have the server's code, words, status and wish", async () => {
    serve(problem(503, "busy", { "retry-after": "3" }));
    await expect(getImage("hero")).rejects.toMatchObject({
      name: "OrbitError",
      code: "busy",
      message: "about busy",
      status: 503,
      retryAfter: 3,
    });
  });

  it.each([
    [new TypeError("refused"), "unavailable", 0],
    [new DOMException("stop", "AbortError"), "aborted", 0],
    [new Response("<h1>Bad gateway</h1>", { status: 502 }), "unavailable", 502],
    [new Response("gone fishing", { status: 404 }), "not_found", 404],
    [new Response("no JSON"), "unavailable", 0],
  ])("where the server is not Orbit, or away: %s", async (answer, code, status) => {
    serve(answer as Response);
    await expect(getImage("hero")).rejects.toMatchObject({ code, status });
  });
});
