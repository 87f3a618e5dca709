"use client";
/**
 * One picture. What the board has loaded of it is under it at once; the large one comes over that, and those of its
 * neighbours behind it, so that a step to the side shows its picture without waiting.
 */
import Link from "next/link";
import { useRouter } from "next/navigation";
import { onPurge, preloadImages } from "orbit-images";
import { OrbitImage } from "orbit-images/react";
import { type CSSProperties, useEffect, useRef, useState } from "react";
import { BriefText } from "@/components/brief-text";
import { Icon } from "@/components/icons";
import { useSeen } from "@/lib/answers";
import { captionOf, takesOf } from "@/lib/board";
import { toggleChosen, useChosen } from "@/lib/kept";
import { type Picture, pagePath } from "@/lib/pictures";
import { boardTitle, sayBytes, sayWhen, styleName } from "@/lib/words";
import { Path } from "./path";

export function Concept({ picture, board }: { picture: Picture; board: Picture[] }) {
  const thread = picture.thread ?? "-";
  const at = board.findIndex(({ id }) => id === picture.id);
  const before = board[at - 1] ?? null;
  const after = at < 0 ? null : (board[at + 1] ?? null);
  const isChosen = useChosen(thread).includes(picture.id);
  const [purged, setPurged] = useState(false);
  useEffect(() => onPurge((id) => id === picture.id && setPurged(true)), [picture.id]);
  useSteps(before, after);

  return (
    <main id="main" className="page concept">
      <div>
        <Large picture={picture} />
      </div>
      <div className="concept-log">
        <p className="crumbs">
          {picture.thread === null ? "On no board" : <Link href={`/boards/${thread}`} prefetch={false}>{boardTitle(thread)}</Link>}
          {at >= 0 && `, number ${at + 1} of ${board.length}`}
        </p>
        <h1>{picture.parent === null ? captionOf(picture.style, takesOf(board).get(picture.id) ?? 1) : picture.title}</h1>
        {purged && <p className="note" data-kind="problem" role="status">This picture was removed, from every tier.</p>}
        {picture.thread !== null && <BriefText thread={thread} />}
        <div className="concept-acts">
          <Link className="button main" href={`/pencil/${picture.id}`} prefetch={false}><Icon name="pencil" /> Draw over it</Link>
          <button type="button" className="button" aria-pressed={isChosen} onClick={() => toggleChosen(thread, picture.id)}><Icon name="ring" /> {isChosen ? "Chosen" : "Choose"}</button>
        </div>
        <Path id={picture.id} />
        <dl className="facts">
          <dt>Direction</dt><dd>{styleName(picture.style)}</dd>
          <dt>Size</dt><dd>{picture.width} × {picture.height}, {sayBytes(picture.bytes)}</dd>
          <dt>Made</dt><dd>{sayWhen(picture.created)} UTC{picture.model === null ? "" : `, by ${picture.model}`}</dd>
          {picture.parent !== null && <><dt>Over</dt><dd><Link href={`/boards/${thread}/${picture.parent}`} prefetch={false}>{picture.parent}</Link></dd></>}
          <dt>Id</dt><dd>{picture.id}</dd>
        </dl>
        {board.length > 1 && (
          <nav className="steps" aria-label="On this board">
            <Step to={before} name="back">Before</Step>
            <Step to={after} name="on">Next</Step>
          </nav>
        )}
      </div>
      {board.length > 1 && <Filmstrip board={board} here={picture.id} />}
    </main>
  );
}

function Large({ picture }: { picture: Picture }) {
  const seen = useSeen(picture.id);
  // Asked once: what is under the large one must not change while it comes.
  const [under] = useState(seen);
  return (
    <div className="concept-print" style={{ "--ratio": `${picture.width} / ${picture.height}` } as CSSProperties}>
      <div className="window">
        {under !== null && <img src={under} alt="" aria-hidden="true" />}
        <OrbitImage src={picture.url} width={picture.width} height={picture.height} placeholder={under === null ? picture.placeholder.data_url : null}
          thumbnail={under === null ? 256 : false} alt={`${picture.title}, ${styleName(picture.style)}`} priority fit="contain" />
      </div>
    </div>
  );
}

function Step({ to, name, children }: { to: Picture | null; name: "back" | "on"; children: string }) {
  const icon = <Icon name={name} />;
  const words = name === "back" ? <>{icon} {children}</> : <>{children} {icon}</>;
  return to === null ? (
    <span className="button" aria-disabled="true">{words}</span>
  ) : (
    <Link className="button" href={pagePath(to)} prefetch={false} replace>{words}</Link>
  );
}

function Filmstrip({ board, here }: { board: Picture[]; here: string }) {
  const strip = useRef<HTMLElement>(null);
  useEffect(() => {
    const current = strip.current?.querySelector<HTMLElement>("[aria-current]");
    if (strip.current && current) strip.current.scrollLeft = current.offsetLeft - strip.current.clientWidth / 2;
  }, []);
  return (
    <nav className="filmstrip" aria-label="All pictures of this board" ref={strip} style={{ gridColumn: "1 / -1" }}>
      {board.map((one, at) => (
        <Link key={one.id} href={pagePath(one)} prefetch={false} replace aria-current={one.id === here ? "page" : undefined} aria-label={`Number ${at + 1}: ${one.title}, ${styleName(one.style)}`}>
          <OrbitImage src={one.url} width={one.width} height={one.height} placeholder={one.placeholder.data_url} alt="" sizes="68px" fit="cover" />
        </Link>
      ))}
    </nav>
  );
}

/** Arrow keys go to the side, and what is there is loaded beforehand. */
function useSteps(before: Picture | null, after: Picture | null): void {
  const router = useRouter();
  useEffect(() => {
    const leaving = new AbortController();
    const neighbours = [after, before].flatMap((picture) => (picture ? [picture.url] : []));
    void preloadImages(neighbours, { priority: "low", concurrency: 1, signal: leaving.signal });
    const step = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, summary") !== null;
      if (typing || event.altKey || event.ctrlKey || event.metaKey) return;
      const to = event.key === "ArrowRight" ? after : event.key === "ArrowLeft" ? before : null;
      if (to !== null) router.replace(pagePath(to));
    };
    addEventListener("keydown", step, { signal: leaving.signal });
    return () => leaving.abort();
  }, [before, after, router]);
}
