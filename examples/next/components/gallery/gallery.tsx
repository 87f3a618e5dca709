"use client";
/**
 * The gallery: contact sheets without end. The list is read on as it is scrolled to, thumbnails come when they are near the window, and
 * sheets that are far away cost nothing to lay out (styles/gallery.css).
 */
import Link from "next/link";
import { onPurge } from "orbit-images";
import { OrbitImage } from "orbit-images/react";
import { type CSSProperties, type KeyboardEvent, memo, useEffect, useRef } from "react";
import { Unreachable } from "@/components/shell/unreachable";
import { lookAgain, putFirst, readOn, type Sheet, type Shelf, sheetsOf, takeOut, useShelf } from "@/lib/gallery";
import { pagePath } from "@/lib/pictures";
import { boardTitle, count, styleName } from "@/lib/words";

export function Gallery({ first }: { first: Shelf }) {
  const shelf = useShelf(first);
  const total = shelf.pages.reduce((sum, page) => sum + page.length, 0);
  useEffect(() => {
    putFirst(first);
    void lookAgain();
    return onPurge(takeOut);
  }, [first]);

  return (
    <main id="main" className="page gallery">
      <div className="gallery-head">
        <h1>Gallery</h1>
        <p aria-live="polite">{`${count(total, "picture")}${shelf.next === null ? "" : " so far; scroll for more"}`}</p>
      </div>
      {shelf.state === "failed" && total === 0 && <Unreachable />}
      <div className="contacts" onKeyDown={walk}>
        {shelf.pages.flatMap(sheetsOf).map((sheet, at) => <Contact key={sheet.pictures[0]?.id} sheet={sheet} first={at === 0} />)}
      </div>
      {/* A new one behind each page: nothing that can be seen is pushed down. */}
      <End key={total} shelf={shelf} empty={total === 0} />
    </main>
  );
}

const Contact = memo(function Contact({ sheet, first }: { sheet: Sheet; first: boolean }) {
  const { thread, pictures } = sheet;
  const title = thread === null ? "On no board" : boardTitle(thread);
  return (
    <section className="contact" style={{ "--count": pictures.length } as CSSProperties} aria-label={title}>
      <h2>
        {thread === null ? title : <Link href={`/boards/${thread}`} prefetch={false}>{title}</Link>} <span>{count(pictures.length, "picture")}</span>
      </h2>
      <ul>
        {pictures.map((picture, at) => (
          <li key={picture.id}>
            <Link href={pagePath(picture)} prefetch={false} data-picture={picture.id}>
              <OrbitImage src={picture.url} width={picture.width} height={picture.height} placeholder={picture.placeholder.data_url}
                alt={`${picture.title}, ${styleName(picture.style)}`} sizes="(min-width: 1500px) 8vw, (min-width: 900px) 12vw, (min-width: 600px) 19vw, 31vw"
                fit="cover" priority={first && at < 12} />
              {picture.parent !== null && <span className="drawn" aria-hidden="true">drawn over</span>}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
});

/** The list's end: reads on when it comes near the window, a window's height before it is seen. */
function End({ shelf, empty }: { shelf: Shelf; empty: boolean }) {
  const end = useRef<HTMLDivElement>(null);
  const { next, state } = shelf;
  useEffect(() => {
    if (end.current === null || next === null || state === "failed") return;
    const near = new IntersectionObserver(([entry]) => entry?.isIntersecting && void readOn(), { rootMargin: "150% 0px" });
    near.observe(end.current);
    return () => near.disconnect();
  }, [next, state]);
  return (
    <div className="gallery-end" ref={end}>
      {state === "failed" && next !== null && <button type="button" className="button" onClick={() => void readOn()}>The list broke off. Read on</button>}
      {next !== null && state !== "failed" && <p role="status">Reading on</p>}
      {next === null && !empty && <p>That is all of it</p>}
      {next === null && empty && state !== "failed" && <p>Nothing here yet. <Link href="/">Write a brief</Link>, and it fills.</p>}
    </div>
  );
}

/** Arrow keys walk over the pictures as they lie: to the side by one, up and down by a row. */
function walk(event: KeyboardEvent<HTMLElement>): void {
  const here = (event.target as HTMLElement).closest<HTMLElement>("[data-picture]");
  if (here === null || !event.key.startsWith("Arrow")) return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-picture]")];
  const columns = Number(getComputedStyle(here).getPropertyValue("--columns")) || 1;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key] ?? 0;
  const to = all[all.indexOf(here) + by];
  if (to === undefined) return;
  event.preventDefault();
  to.focus();
}
