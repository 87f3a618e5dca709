"use client";
/** The tag on a picture: which tier answered for it, and in how many milliseconds. */
import { type Answer, TIER_NAMES, useAnswer } from "@/lib/answers";
import { sayMs } from "@/lib/words";

export function Tag({ id, waiting = "not asked for yet" }: { id: string; waiting?: string }) {
  const answer = useAnswer(id);
  if (answer === null) return <p className="tag">{waiting}</p>;
  return (
    <p className="tag" data-tier={answer.tier} title={describe(answer)}>
      <i className="dot" /> {TIER_NAMES[answer.tier]} <span className="ms">{sayMs(answer.ms)}</span>
    </p>
  );
}

/** One answer as a sentence. */
export function describe(answer: Answer): string {
  const whole = sayMs(answer.ms);
  switch (answer.tier) {
    case "browser":
      return `The browser had it: no request, ${whole}`;
    case "worker":
      return `The service worker had it: no line needed, ${whole}`;
    case "edge":
      return `The edge had it${answer.edgeMs === null ? "" : `, in ${sayMs(answer.edgeMs)}`}; with the way here ${whole}`;
    case "origin":
      return `The edge asked the origin; with the way here ${whole}`;
    case "unknown":
      return `Came in ${whole}; nobody said from where`;
  }
}
