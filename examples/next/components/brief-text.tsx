"use client";
/** What was asked for. Only the browser that asked knows it; its box is as high in every other one. */
import { useBrief } from "@/lib/kept";

export function BriefText({ thread }: { thread: string }) {
  const brief = useBrief(thread);
  return <p className="brief-text" title={brief ?? undefined}>{brief ?? "The brief is known to the browser that wrote it, and to nobody else."}</p>;
}
