"use client";
/**
 * The hand: strokes from a mouse, a finger, a pen, or the arrow keys. What is being drawn is painted at once, without a
 * render, and handed on as one stroke when the hand lets go.
 */
import { type KeyboardEvent, type PointerEvent, useCallback, useRef, useState } from "react";
import type { Picture } from "@/lib/pictures";
import { paint, paintAll, type Point, type Stroke } from "@/lib/strokes";
import type { Easel } from "./use-easel";

export type Tool = "brush" | "eraser" | "pick";

interface Holding {
  tool: Tool;
  color: string;
  size: number;
}

interface Cursor {
  x: number;
  y: number;
  down: boolean;
}

/** What the strokes' canvas listens to, and where the keys' cursor is while they are used. */
export function useHand(picture: Picture, easel: Easel, holding: Holding, strokes: readonly Stroke[], onStroke: (stroke: Stroke) => void, onPick: (color: string) => void) {
  const current = useRef<{ stroke: Stroke; pointer: number } | null>(null);
  const [cursor, setCursor] = useState<Cursor | null>(null);

  const begin = useCallback((point: Point, pointer: number) => {
    if (holding.tool === "pick") {
      const color = easel.colorAt(point.x, point.y);
      if (color !== null) onPick(color);
      return;
    }
    current.current = { stroke: { ...holding, tool: holding.tool, points: [point] }, pointer };
    const layer = easel.layer();
    if (layer) paint(layer.context, current.current.stroke, layer.scale);
  }, [holding, easel, onPick]);

  const go = useCallback((points: Point[]) => {
    const layer = easel.layer();
    const stroke = current.current?.stroke;
    if (!layer || !stroke || points.length === 0) return;
    const from = stroke.points.length;
    stroke.points.push(...points);
    paint(layer.context, stroke, layer.scale, from);
  }, [easel]);

  const end = useCallback(() => {
    const drawn = current.current?.stroke;
    current.current = null;
    if (drawn) onStroke(drawn);
  }, [onStroke]);

  const drop = useCallback(() => {
    current.current = null;
    const layer = easel.layer();
    if (layer) paintAll(layer.context, strokes, layer.scale);
  }, [easel, strokes]);

  const pointer = {
    onPointerDown(event: PointerEvent<HTMLCanvasElement>) {
      if (event.button !== 0 || current.current !== null) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setCursor(null);
      begin(pointOf(event.nativeEvent, event.currentTarget, picture), event.pointerId);
    },
    onPointerMove(event: PointerEvent<HTMLCanvasElement>) {
      if (current.current?.pointer !== event.pointerId) return;
      const between = event.nativeEvent.getCoalescedEvents?.() ?? [];
      const all = between.length > 0 ? between : [event.nativeEvent];
      go(all.map((one) => pointOf(one, event.currentTarget, picture)));
    },
    onPointerUp: (event: PointerEvent) => void (current.current?.pointer === event.pointerId && end()),
    // The system took the finger for itself, as for a gesture: what it began was no stroke.
    onPointerCancel: (event: PointerEvent) => void (current.current?.pointer === event.pointerId && drop()),
  };

  const onKeyDown = (event: KeyboardEvent<HTMLCanvasElement>) => {
    const step = STEPS[event.key];
    if (step !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      const far = (event.shiftKey ? 1 / 16 : 1 / 64) * picture.width;
      const at = cursor ?? { x: picture.width / 2, y: picture.height / 2, down: false };
      const next = { ...at, x: clamp(at.x + step[0] * far, picture.width), y: clamp(at.y + step[1] * far, picture.height) };
      setCursor(next);
      if (next.down) go([{ ...next, pressure: 0.5 }]);
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      const at = cursor ?? { x: picture.width / 2, y: picture.height / 2, down: false };
      const down = holding.tool !== "pick" && !at.down;
      if (at.down) end();
      else begin({ x: at.x, y: at.y, pressure: 0.5 }, KEYS);
      setCursor({ ...at, down });
    }
  };
  const onBlur = () => {
    if (current.current?.pointer === KEYS) end();
    setCursor(null);
  };

  return { cursor, handlers: { ...pointer, onKeyDown, onBlur } };
}

/** The keys' place among the pointers' numbers. */
const KEYS = -1;
const STEPS: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const clamp = (value: number, end: number): number => Math.min(end, Math.max(0, value));

function pointOf(event: globalThis.PointerEvent, canvas: HTMLCanvasElement, picture: Picture): Point {
  const box = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * picture.width,
    y: ((event.clientY - box.top) / box.height) * picture.height,
    pressure: event.pointerType === "pen" && event.pressure > 0 ? event.pressure : 0.5,
  };
}
