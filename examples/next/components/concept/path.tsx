"use client";
/** How a picture came, as a drawing: each tier is a body on a wider orbit around the browser. The words say the same. */
import { type Answer, TIER_NAMES, useAnswer } from "@/lib/answers";
import { describe } from "@/components/board/tag";

const BODIES = [
  { tier: "origin", cx: 134, rx: 132, ry: 58, x: 266 },
  { tier: "edge", cx: 84, rx: 66, ry: 34, x: 150 },
] as const;

export function Path({ id }: { id: string }) {
  const answer = useAnswer(id);
  const tier = answer?.tier ?? "none";
  return (
    <figure className="path" data-tier={tier}>
      <svg viewBox="0 0 340 120" aria-hidden="true">
        {BODIES.map(({ tier: name, cx, rx, ry, x }) => (
          <g key={name} className={lit(answer, name)}>
            <ellipse cx={cx} cy="60" rx={rx} ry={ry} />
            <circle cx={x} cy="60" r="6" />
            <text x={x + 11} y="64.5">{TIER_NAMES[name].toLowerCase()}</text>
          </g>
        ))}
        <g className={answer?.tier === "browser" || answer?.tier === "worker" ? "lit" : undefined}>
          <circle cx="32" cy="60" r="8" />
          <text x="45" y="64.5">{answer?.tier === "worker" ? "offline store" : "browser"}</text>
        </g>
      </svg>
      <figcaption aria-live="polite">{answer ? describe(answer) : "Nothing was asked for yet"}</figcaption>
    </figure>
  );
}

function lit(answer: Answer | null, name: "edge" | "origin"): string | undefined {
  return answer?.tier === name ? "lit" : undefined;
}
