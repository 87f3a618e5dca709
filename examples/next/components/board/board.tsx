"use client";
/**
 * The board: the log beside, the film before one's eyes. Follows the thread's events as long as the page is open.
 */
import Link from "next/link";
import { onPurge } from "orbit-images";
import { OrbitImage, useThread } from "orbit-images/react";
import { useEffect, useMemo, useRef, useState } from "react";
import { BriefText } from "@/components/brief-text";
import { Composer } from "@/components/composer";
import { Unreachable } from "@/components/shell/unreachable";
import { jobOf } from "@/lib/asked";
import { slotsOf } from "@/lib/board";
import { useBrief, useChosen } from "@/lib/kept";
import { type Picture, pagePath } from "@/lib/pictures";
import { boardTitle, count } from "@/lib/words";
import { Frame, type Slot } from "./frame";

/** Frames that a window shows without scrolling, at the least on a phone and at the most on a wall. */
const ABOVE_THE_FOLD = 8;

interface Props {
  thread: string;
  /** What was there when the page was made. */
  first: Picture[];
  reachable: boolean;
}

const LINE: Record<string, string> = {
  connecting: "calling",
  open: "live",
  waiting: "calling again",
  paused: "resting",
  closed: "not live",
};

export function Board({ thread, first, reachable }: Props) {
  const live = useThread(thread);
  const brief = useBrief(thread);
  const chosen = useChosen(thread);
  const gone = useGone();
  const slots = useMemo(() => slotsOf(first, live.items, jobOf(thread), gone), [first, live.items, thread, gone]);
  const there = slots.filter(({ status }) => status === "ready").length;
  const pending = slots.filter(({ status }) => status !== "ready" && status !== "failed").length;
  const sheet = useRef<HTMLElement>(null);
  useFollow(sheet, slots);

  return (
    <main id="main" className="page board">
      <div className="board-log">
        <h1>{boardTitle(thread)}</h1>
        <BriefText thread={thread} />
        <p className="line-state" data-state={live.state} role="status"><i className="dot" /> {LINE[live.state]}</p>
        {!reachable && first.length === 0 && <Unreachable />}
        <details className="more" open={slots.length === 0 && reachable ? true : undefined}>
          <summary>Draw more for this board</summary>
          <Composer key={brief ?? ""} thread={thread} brief={brief ?? ""} ask={(concepts) => live.generate({ concepts, partial_images: 1 })} />
        </details>
      </div>
      <section className="sheet" ref={sheet} aria-labelledby="film">
        <div className="sheet-head">
          <h2 id="film">Contact sheet</h2>
          <p aria-live="polite">{pending > 0 ? `${there} of ${there + pending} are there` : count(there, "picture")}</p>
        </div>
        {slots.length === 0 ? (
          <p className="empty">An empty sheet. Write a brief, and it fills.</p>
        ) : (
          <ol className="film">
            {slots.map((slot, at) => (
              <Frame key={slot.key} slot={slot} number={at + 1} thread={thread} chosen={chosen.includes(slot.id)} first={at < ABOVE_THE_FOLD} />
            ))}
          </ol>
        )}
        {slots.length > 0 && <p className="small colophon">The demo generator draws by a procedure from each prompt’s hash. Its pictures are not the work of an AI model.</p>}
        <Chosen pictures={slots.flatMap(({ picture }) => (picture && chosen.includes(picture.id) ? [picture] : []))} />
      </section>
    </main>
  );
}

function Chosen({ pictures }: { pictures: Picture[] }) {
  const last = pictures.at(-1);
  if (last === undefined) return null;
  return (
    <section className="chosen" aria-labelledby="chosen">
      <h2 id="chosen" className="unseen">Chosen</h2>
      <ul>
        {pictures.map((picture) => (
          <li key={picture.id}>
            <Link href={pagePath(picture)} prefetch={false} aria-label={`Look at ${picture.title}`}>
              <OrbitImage src={picture.url} width={picture.width} height={picture.height} placeholder={picture.placeholder.data_url} alt="" sizes="64px" fit="cover" />
            </Link>
          </li>
        ))}
      </ul>
      <Link className="button main" href={`/pencil/${last.id}`} prefetch={false}>Draw over it</Link>
    </section>
  );
}

/** Ids of pictures that were purged while the page is open. */
function useGone(): ReadonlySet<string> {
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => onPurge((id) => setGone((before) => new Set([...before, id]))), []);
  return gone;
}

/** New frames are brought into view: who asks for more wants to see it come. */
function useFollow(sheet: { current: HTMLElement | null }, slots: readonly Slot[]): void {
  const before = useRef(slots.length);
  useEffect(() => {
    const fresh = slots[before.current];
    const grown = before.current > 0 && slots.length > before.current;
    before.current = slots.length;
    if (!grown || fresh?.status !== "queued") return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    sheet.current?.querySelector(`#frame-${CSS.escape(fresh.id)}`)?.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
  }, [slots, sheet]);
}
