/** The desk: the brief that everything begins with, and the boards drawn last. */
import Link from "next/link";
import { OrbitImage } from "orbit-images/react";
import { Composer } from "@/components/composer";
import { Unreachable } from "@/components/shell/unreachable";
import { listPictures } from "@/lib/origin";
import type { Picture } from "@/lib/pictures";
import { boardTitle, count } from "@/lib/words";

export const dynamic = "force-dynamic";

const LOOK_AT = 60;
const SHOW = 4;

export default async function Desk() {
  const page = await listPictures(LOOK_AT);
  return (
    <main id="main" className="page desk">
      <div className="desk-intro">
        <h1>What should it look like?</h1>
        <p className="lead">Write the brief. Each direction you pick is drawn at once, and comes onto the board while you watch.</p>
        <Composer />
      </div>
      {page === null ? <Unreachable /> : <Recent boards={boardsOf(page.pictures).slice(0, SHOW)} />}
    </main>
  );
}

function Recent({ boards }: { boards: Board[] }) {
  return (
    <section className="recent" aria-labelledby="recent">
      <h2 id="recent">
        Drawn last <Link href="/gallery" prefetch={false}>All in the gallery</Link>
      </h2>
      {boards.length === 0 && <p className="empty">Nothing has been drawn yet. Your first board will lie here.</p>}
      {boards.map(({ thread, pictures }, row) => (
        <article className="strip" key={thread}>
          <Link href={`/boards/${thread}`} prefetch={false}>
            <span className="strip-film">
              {pictures.slice(0, 4).map((picture) => (
                <OrbitImage key={picture.id} src={picture.url} width={picture.width} height={picture.height}
                  placeholder={picture.placeholder.data_url} sizes="(min-width: 980px) 10vw, 24vw" alt="" priority={row === 0} />
              ))}
            </span>
            <p>
              {boardTitle(thread)} <span>{count(pictures.length, "picture")}</span>
            </p>
          </Link>
        </article>
      ))}
    </section>
  );
}

interface Board {
  thread: string;
  pictures: Picture[];
}

function boardsOf(pictures: Picture[]): Board[] {
  const boards = new Map<string, Picture[]>();
  for (const picture of pictures) {
    if (picture.thread === null) continue;
    boards.set(picture.thread, [...(boards.get(picture.thread) ?? []), picture]);
  }
  return [...boards].map(([thread, of]) => ({ thread, pictures: of }));
}
