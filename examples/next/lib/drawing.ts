/**
 * Drawing: from a picture and the strokes over it to a new image on the server.
 *
 * 1. Paint the picture at its own size, and the strokes over it.
 * 2. Read the canvas back; it is clean, because the picture came by the page's own origin.
 * 3. PUT it under an id of its own, with its parent's id in its labels: an id is written once, so that whoever has an image
 *    in a cache has the right one.
 */
import { OrbitError } from "orbit-images";
import { uploadImage } from "orbit-images/api";
import { type Picture, pencilModel, pictureOf } from "./pictures";
import { paintAll, type Stroke } from "./strokes";
import { randomLetters } from "./words";

/** The picture with the strokes over it, as a PNG at the picture's own size. */
export async function flatten(source: CanvasImageSource, picture: Picture, strokes: readonly Stroke[]): Promise<Blob> {
  const ink = layerOf(picture);
  paintAll(ink, strokes, 1);
  const whole = layerOf(picture);
  whole.drawImage(source, 0, 0, picture.width, picture.height);
  whole.drawImage(ink.canvas, 0, 0);
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null) => (blob ? resolve(blob) : reject(new Error("This browser could not encode the drawing.")));
    whole.canvas.toBlob(done, "image/png");
  });
}

function layerOf({ width, height }: Picture): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const layer = canvas.getContext("2d");
  if (layer === null) throw new Error("This browser has no room for another canvas.");
  return layer;
}

/** Stores a drawing and gives it back as a picture. Throws an `Error` that says what to do. */
export async function saveDrawing(drawing: Blob, parent: Picture): Promise<Picture> {
  const labels = {
    id: drawingId(parent),
    style: "pencil",
    title: drawnTitle(parent.title),
    model: pencilModel(parent.id),
    ...(parent.thread === null ? {} : { thread_id: parent.thread }),
  };
  try {
    return pictureOf(await uploadImage(drawing, labels));
  } catch (error) {
    throw new Error(adviceOf(error));
  }
}

function adviceOf(error: unknown): string {
  if (!(error instanceof OrbitError)) return String(error);
  if (error.status === 0) return "The server does not answer. Your strokes are kept here: save again when it does.";
  if (error.status === 401 || error.status === 403) return "This server lets nobody save without its token.";
  if (error.status === 503) return "The server is busy. Save again in a moment.";
  return `${error.message} Your strokes are kept here.`;
}

const drawnTitle = (title: string): string => (title.endsWith(", drawn over") ? title : `${title.slice(0, 150)}, drawn over`);

function drawingId({ title }: Picture): string {
  const slug = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  return `pencil_${slug || "print"}_${randomLetters(12)}`;
}
