/**
 * Strokes: what was drawn over a picture, as points in the picture's own pixels, so that it is as sharp in the saved
 * image as on any display. Pure but for the canvas that it is told to paint on; knows nothing of pages or pointers.
 */

export interface Point {
  x: number;
  y: number;
  /** 0 to 1; what a mouse has none of is 0.5. */
  pressure: number;
}

export interface Stroke {
  tool: "brush" | "eraser";
  color: string;
  /** Diameter at pressure 0.5, in the picture's pixels. */
  size: number;
  points: Point[];
}

/** Strokes that stand and strokes that were taken back, which a new stroke forgets. */
export interface Sketch {
  readonly done: readonly Stroke[];
  readonly undone: readonly Stroke[];
}

export const BLANK: Sketch = { done: [], undone: [] };

export type Change = { type: "add"; stroke: Stroke } | { type: "undo" } | { type: "redo" } | { type: "clear" } | { type: "load"; strokes: readonly Stroke[] };

/** The sketch after a change; the same object where nothing changes. */
export function change(sketch: Sketch, by: Change): Sketch {
  const { done, undone } = sketch;
  switch (by.type) {
    case "add":
      return { done: [...done, by.stroke], undone: [] };
    case "undo": {
      const last = done.at(-1);
      return last ? { done: done.slice(0, -1), undone: [last, ...undone] } : sketch;
    }
    case "redo": {
      const [next, ...rest] = undone;
      return next ? { done: [...done, next], undone: rest } : sketch;
    }
    case "clear":
      return done.length > 0 ? { done: [], undone: [...done, ...undone] } : sketch;
    case "load":
      return { done: by.strokes, undone: [] };
  }
}

/** Paints strokes onto an empty layer whose pixels are `scale` of the picture's. */
export function paintAll(layer: CanvasRenderingContext2D, strokes: readonly Stroke[], scale: number): void {
  layer.setTransform(1, 0, 0, 1, 0, 0);
  layer.clearRect(0, 0, layer.canvas.width, layer.canvas.height);
  for (const stroke of strokes) paint(layer, stroke, scale);
}

/** Paints a stroke, or what has been added to it since its point `from`. */
export function paint(layer: CanvasRenderingContext2D, stroke: Stroke, scale: number, from = 0): void {
  const { points } = stroke;
  const first = points[0];
  if (first === undefined) return;
  layer.setTransform(scale, 0, 0, scale, 0, 0);
  // The eraser takes away what was drawn and never the picture, which lies on another layer.
  layer.globalCompositeOperation = stroke.tool === "eraser" ? "destination-out" : "source-over";
  layer.strokeStyle = layer.fillStyle = stroke.color;
  layer.lineCap = layer.lineJoin = "round";
  if (points.length === 1) {
    layer.beginPath();
    layer.arc(first.x, first.y, widthAt(stroke, first) / 2, 0, 2 * Math.PI);
    layer.fill();
  }
  for (let at = Math.max(1, from); at < points.length; at += 1) segment(layer, stroke, at);
  layer.globalCompositeOperation = "source-over";
}

// From the middle before a point to the middle behind it, bent at the point: no corners, however fast the hand.
function segment(layer: CanvasRenderingContext2D, stroke: Stroke, at: number): void {
  const { points } = stroke;
  const before = points[at - 2] ?? points[at - 1];
  const bend = points[at - 1];
  const end = points[at];
  if (!before || !bend || !end) return;
  layer.lineWidth = widthAt(stroke, end);
  layer.beginPath();
  layer.moveTo((before.x + bend.x) / 2, (before.y + bend.y) / 2);
  layer.quadraticCurveTo(bend.x, bend.y, (bend.x + end.x) / 2, (bend.y + end.y) / 2);
  if (at === points.length - 1) layer.lineTo(end.x, end.y);
  layer.stroke();
}

const widthAt = ({ size }: Stroke, { pressure }: Point): number => size * (0.5 + pressure);

/** Reads strokes that were written as JSON; what is none of ours is nothing. */
export function parseStrokes(text: string | null): Stroke[] {
  try {
    const value: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(value) ? value.filter(isStroke) : [];
  } catch {
    return [];
  }
}

function isStroke(value: unknown): value is Stroke {
  const stroke = value as Partial<Stroke> | null;
  return (
    typeof stroke === "object" && stroke !== null && (stroke.tool === "brush" || stroke.tool === "eraser") &&
    typeof stroke.color === "string" && typeof stroke.size === "number" && Array.isArray(stroke.points)
  );
}
