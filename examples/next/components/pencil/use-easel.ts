"use client";
/**
 * The easel: two canvases of the display's own pixels, the picture on one and the strokes on the other, kept in step with the
 * sketch and with the size of their box. Knows nothing of tools or pages.
 */
import { loadForCanvas, OrbitError } from "orbit-images";
import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { Picture } from "@/lib/pictures";
import { paintAll, type Stroke } from "@/lib/strokes";

export interface Easel {
  base: RefObject<HTMLCanvasElement | null>;
  ink: RefObject<HTMLCanvasElement | null>;
  /** The picture, decoded and clean; null until it is there. */
  source: HTMLImageElement | null;
  problem: string | null;
  /** The strokes' layer and how many of its pixels are one of the picture's. */
  layer(): { context: CanvasRenderingContext2D; scale: number } | null;
  /** The color at a point of the picture, as `#rrggbb`: read back from the canvas, which must not be tainted. */
  colorAt(x: number, y: number): string | null;
}

export function useEasel(picture: Picture, strokes: readonly Stroke[]): Easel {
  const base = useRef<HTMLCanvasElement>(null);
  const ink = useRef<HTMLCanvasElement>(null);
  const { source, problem } = useSource(picture);
  const latest = useRef(strokes);

  const layer = useCallback(() => {
    const context = ink.current?.getContext("2d") ?? null;
    return context && { context, scale: context.canvas.width / picture.width };
  }, [picture.width]);

  const repaint = useCallback(() => {
    const under = base.current?.getContext("2d", { willReadFrequently: true });
    if (under && source) under.drawImage(source, 0, 0, under.canvas.width, under.canvas.height);
    const over = layer();
    if (over) paintAll(over.context, latest.current, over.scale);
  }, [source, layer]);

  useEffect(() => {
    latest.current = strokes;
    const over = layer();
    if (over) paintAll(over.context, strokes, over.scale);
  }, [strokes, layer]);

  useEffect(() => {
    const box = base.current?.parentElement;
    if (!box) return;
    const watch = new ResizeObserver(() => {
      const width = Math.max(1, Math.round(box.clientWidth * devicePixelRatio));
      const height = Math.max(1, Math.round((width * picture.height) / picture.width));
      for (const canvas of [base.current, ink.current]) {
        // Setting a size empties a canvas, so only where it is another one.
        if (canvas && (canvas.width !== width || canvas.height !== height)) Object.assign(canvas, { width, height });
      }
      repaint();
    });
    watch.observe(box);
    return () => watch.disconnect();
  }, [picture, repaint]);

  const colorAt = useCallback((x: number, y: number) => {
    const colors = [base.current, ink.current].map((canvas) => pixel(canvas, x, y, picture.width));
    const [under, over] = colors;
    const [r, g, b] = over && over[3] > 127 ? over : (under ?? [0, 0, 0]);
    return under ? `#${[r, g, b].map((part) => part.toString(16).padStart(2, "0")).join("")}` : null;
  }, [picture.width]);

  return { base, ink, source, problem, layer, colorAt };
}

type Color = readonly [number, number, number, number];

function pixel(canvas: HTMLCanvasElement | null, x: number, y: number, width: number): Color | null {
  const context = canvas?.getContext("2d") ?? null;
  if (!canvas || !context) return null;
  const scale = canvas.width / width;
  const at = (value: number, end: number) => Math.min(end - 1, Math.max(0, Math.floor(value * scale)));
  const { data } = context.getImageData(at(x, canvas.width), at(y, canvas.height), 1, 1);
  return [data[0] ?? 0, data[1] ?? 0, data[2] ?? 0, data[3] ?? 0];
}

function useSource(picture: Picture): { source: HTMLImageElement | null; problem: string | null } {
  const [source, setSource] = useState<HTMLImageElement | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    const leaving = new AbortController();
    loadForCanvas(picture.url, { signal: leaving.signal }).then(setSource, (error: unknown) => {
      if (leaving.signal.aborted) return;
      setProblem(error instanceof OrbitError && error.status === 0 ? "The picture is not here, and there is no line to fetch it." : "The picture could not be loaded.");
    });
    return () => leaving.abort();
  }, [picture.url]);
  return { source, problem };
}
