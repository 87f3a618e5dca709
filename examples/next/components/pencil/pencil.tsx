"use client";
/**
 * The magic pencil. Strokes lie over the picture and never in it; saving makes a new image of both, whose labels name
 * the one that it was drawn over. Until then the strokes are kept in this browser, whatever happens to the page.
 */
import Link from "next/link";
import { type CSSProperties, useEffect, useReducer, useState } from "react";
import { saveDrawing, flatten } from "@/lib/drawing";
import { type Picture, pagePath } from "@/lib/pictures";
import { BLANK, change, parseStrokes, type Stroke } from "@/lib/strokes";
import { Tools } from "./tools";
import { useEasel } from "./use-easel";
import { type Tool, useHand } from "./use-hand";

type Saving = { state: "no" | "busy" } | { state: "done"; picture: Picture } | { state: "failed"; problem: string };

export function Pencil({ picture }: { picture: Picture }) {
  const [sketch, dispatch] = useReducer(change, BLANK);
  const [tool, setTool] = useState<Tool>("brush");
  const [color, setColor] = useState("#ff5238");
  const [size, setSize] = useState(Math.max(4, Math.round(picture.width / 64)));
  const [saving, setSaving] = useState<Saving>({ state: "no" });
  const maxSize = Math.max(24, Math.round(picture.width / 6));
  const strokes = sketch.done;
  const easel = useEasel(picture, strokes);
  useDraft(picture.id, strokes, (kept) => dispatch({ type: "load", strokes: kept }));

  const add = (stroke: Stroke) => {
    dispatch({ type: "add", stroke });
    setSaving((before) => (before.state === "busy" ? before : { state: "no" }));
  };
  const pick = (found: string) => {
    setColor(found);
    setTool("brush");
  };
  const { cursor, handlers } = useHand(picture, easel, { tool, color, size }, strokes, add, pick);

  async function save() {
    if (easel.source === null || strokes.length === 0 || saving.state === "busy") return;
    setSaving({ state: "busy" });
    try {
      const drawn = await saveDrawing(await flatten(easel.source, picture, strokes), picture);
      dispatch({ type: "clear" });
      setSaving({ state: "done", picture: drawn });
    } catch (error) {
      setSaving({ state: "failed", problem: error instanceof Error ? error.message : String(error) });
    }
  }

  useKeys({
    b: () => setTool("brush"),
    e: () => setTool("eraser"),
    i: () => setTool("pick"),
    "[": () => setSize((before) => Math.max(2, Math.round(before * 0.8))),
    "]": () => setSize((before) => Math.min(maxSize, Math.round(before * 1.25) + 1)),
    "ctrl+z": () => dispatch({ type: "undo" }),
    "ctrl+shift+z": () => dispatch({ type: "redo" }),
    "ctrl+y": () => dispatch({ type: "redo" }),
    "ctrl+s": () => void save(),
  });

  return (
    <main id="main" className="page pencil">
      <div className="pencil-head">
        <h1>Draw over {picture.title}</h1>
        <Link className="button" href={pagePath(picture)} prefetch={false}>Back to the picture</Link>
      </div>
      <div className="easel">
        <div className="easel-sheet" style={{ "--ratio": picture.width / picture.height } as CSSProperties}>
          <canvas ref={easel.base} aria-hidden="true" />
          <canvas ref={easel.ink} className="ink" tabIndex={0} role="img" aria-roledescription="drawing area" aria-describedby="keys"
            aria-label={`${picture.title}, with ${strokes.length} strokes over it`} data-ready={easel.source !== null || undefined} data-strokes={strokes.length} {...handlers} />
          {cursor && <span className="cursor" data-down={cursor.down || undefined} style={{ left: `${(cursor.x / picture.width) * 100}%`, top: `${(cursor.y / picture.height) * 100}%` }} />}
          {easel.source === null && <p className="easel-wait" role="status">{easel.problem ?? "The picture is coming"}</p>}
        </div>
      </div>
      <div className="tools">
        <Tools tool={tool} color={color} size={size} maxSize={maxSize} canUndo={strokes.length > 0} canRedo={sketch.undone.length > 0}
          onTool={setTool} onColor={pick} onSize={setSize}
          onUndo={() => dispatch({ type: "undo" })} onRedo={() => dispatch({ type: "redo" })} onClear={() => dispatch({ type: "clear" })} />
        <div className="pencil-save">
          <button type="button" className="button main" aria-disabled={strokes.length === 0 || saving.state === "busy" || easel.source === null || undefined} onClick={() => void save()}>
            {saving.state === "busy" ? "Saving" : "Save as a new picture"}
          </button>
        </div>
        <div aria-live="polite">
          {saving.state === "done" && (
            <div className="note">
              <p><b>Saved.</b> The picture that you drew over is as it was.</p>
              <p><Link href={pagePath(saving.picture)} prefetch={false}>Look at the drawing</Link>, or find it in the <Link href="/gallery" prefetch={false}>gallery</Link>.</p>
            </div>
          )}
          {saving.state === "failed" && <p className="note" data-kind="problem">{saving.problem}</p>}
        </div>
        <p className="keys" id="keys">
          Keys: <kbd>B</kbd> brush, <kbd>E</kbd> eraser, <kbd>I</kbd> pick, <kbd>[</kbd> <kbd>]</kbd> size, <kbd>Ctrl</kbd> <kbd>Z</kbd> undo. On the picture, arrows move,
          with <kbd>Shift</kbd> further, and <kbd>Space</kbd> puts the pencil down and takes it up.
        </p>
      </div>
    </main>
  );
}

/** Keeps the strokes in this tab's storage, and brings back what an earlier page left there. */
function useDraft(id: string, strokes: readonly Stroke[], bring: (kept: Stroke[]) => void): void {
  const key = `studio:strokes:${id}`;
  const [looked, setLooked] = useState(false);
  useEffect(() => {
    const kept = parseStrokes(storage()?.getItem(key) ?? null);
    if (kept.length > 0) bring(kept);
    setLooked(true);
    // Once, when the page is opened.
  }, []);
  useEffect(() => {
    if (!looked) return;
    try {
      if (strokes.length === 0) storage()?.removeItem(key);
      else storage()?.setItem(key, JSON.stringify(strokes));
    } catch {
      // Full: the strokes are on the page still.
    }
  }, [looked, strokes, key]);
}

function storage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

/** Calls what a key stands for, unless something is being typed. */
function useKeys(actions: Record<string, () => void>): void {
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.matches("textarea, input:not([type=range], [type=radio])");
      const held = `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${event.shiftKey && event.key.length === 1 && /[a-z]/i.test(event.key) ? "shift+" : ""}`;
      const action = actions[held + event.key.toLowerCase()];
      if (typing || event.altKey || action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}
