"use client";
/** The tools beside the easel: what is in the hand, its color and size, and the way back. */
import { Icon } from "@/components/icons";
import type { Tool } from "./use-hand";

export const COLORS = [
  { color: "#ff5238", name: "Grease red" },
  { color: "#f0b54a", name: "Amber" },
  { color: "#fbfcfa", name: "White" },
  { color: "#17191a", name: "Black" },
  { color: "#2f8f4e", name: "Green" },
  { color: "#1f7fb5", name: "Blue" },
  { color: "#8a5bd6", name: "Violet" },
] as const;

interface Props {
  tool: Tool;
  color: string;
  size: number;
  maxSize: number;
  canUndo: boolean;
  canRedo: boolean;
  onTool(tool: Tool): void;
  onColor(color: string): void;
  onSize(size: number): void;
  onUndo(): void;
  onRedo(): void;
  onClear(): void;
}

const TOOLS = [
  { tool: "brush", name: "Brush", icon: "pencil", key: "B" },
  { tool: "eraser", name: "Eraser", icon: "eraser", key: "E" },
  { tool: "pick", name: "Pick a color from the picture", icon: "pick", key: "I" },
] as const;

export function Tools(props: Props) {
  const own = COLORS.some(({ color }) => color === props.color) ? null : props.color;
  return (
    <>
      <div className="tool-row" role="group" aria-label="Tools">
        {TOOLS.map(({ tool, name, icon, key }) => (
          <button key={tool} type="button" className="tool" aria-pressed={props.tool === tool} aria-label={name} aria-keyshortcuts={key} title={`${name} (${key})`} onClick={() => props.onTool(tool)}>
            <Icon name={icon} />
          </button>
        ))}
        <button type="button" className="tool" aria-label="Undo" title="Undo (Ctrl Z)" aria-keyshortcuts="Control+Z" aria-disabled={!props.canUndo || undefined} onClick={props.onUndo}><Icon name="undo" /></button>
        <button type="button" className="tool" aria-label="Redo" title="Redo (Ctrl Shift Z)" aria-keyshortcuts="Control+Shift+Z" aria-disabled={!props.canRedo || undefined} onClick={props.onRedo}><Icon name="redo" /></button>
        <button type="button" className="tool" aria-disabled={!props.canUndo || undefined} onClick={props.onClear}>Clear</button>
      </div>
      <fieldset className="swatches">
        <legend className="unseen">Color</legend>
        {[...COLORS, ...(own === null ? [] : [{ color: own, name: `Picked, ${own}` }])].map(({ color, name }) => (
          <label className="swatch" key={color} title={name}>
            <input type="radio" name="color" checked={props.color === color} aria-label={name} onChange={() => props.onColor(color)} />
            <span style={{ "--swatch": color } as React.CSSProperties} />
          </label>
        ))}
      </fieldset>
      <label className="size">
        Size
        <input type="range" min={2} max={props.maxSize} value={props.size} aria-label="Size" onChange={(event) => props.onSize(event.currentTarget.valueAsNumber)} />
        <output>{props.size} px</output>
      </label>
    </>
  );
}
