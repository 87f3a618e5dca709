/**
 * The page that all three have in common: the studio's contact sheet with twelve frames. What differs is the one element
 * that each is given for its picture.
 */
import { readFile } from "node:fs/promises";
import type { ReactNode } from "react";

export interface Picture {
  id: string;
  title: string;
  width: number;
  height: number;
  placeholder: { data_url: string; color: string };
}

/** How wide a picture is at each width of the window: six in a row, four, three, or two. */
export const WIDE_SIZES = "(min-width: 1100px) calc(15.6vw - 16px), (min-width: 860px) calc(23.4vw - 16px), (min-width: 600px) calc(31.2vw - 16px), calc(50vw - 32px)";

export async function Board({ show }: { show: (picture: Picture, at: number) => ReactNode }) {
  const pictures = JSON.parse(await readFile(/* turbopackIgnore: true */ process.env.BENCH_PICTURES ?? "", "utf8")) as Picture[];
  return (
    <main className="page">
      {/* Six in a row on a wide window, so that all twelve are in it; before the list, so that it is never another. */}
      <style>{"@media (min-width: 1100px) { .film.bench { grid-template-columns: repeat(6, minmax(0, 1fr)); } }"}</style>
      <h1>Twelve pictures</h1>
      <ol className="film bench">
        {pictures.map((picture, at) => (
          <li className="frame" key={picture.id}>
            <div className="print">
              <span className="rebate"><span className="number">{at + 1}</span><span>{picture.title}</span></span>
              <span className="window">{show(picture, at)}</span>
              <span className="rebate"><span>Orbit 120</span><span>{picture.width} × {picture.height}</span></span>
            </div>
          </li>
        ))}
      </ol>
    </main>
  );
}
