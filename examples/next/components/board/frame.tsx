"use client";
/**
 * A frame on the film: one concept from its first moment on: waiting, being drawn, seen through a preview, there, or failed.
 *
 * Its key and its box stay the same throughout, so that nothing on the board moves.
 */
import Link from "next/link";
import { preloadImages } from "orbit-images";
import { OrbitImage } from "orbit-images/react";
import { memo } from "react";
import { Icon } from "@/components/icons";
import { captionOf } from "@/lib/board";
import { toggleChosen } from "@/lib/kept";
import { type Picture, pagePath } from "@/lib/pictures";
import { Tag } from "./tag";

/** How wide a picture is on the board; its own page shows the same URL first, so that going there asks for nothing new. */
export const BOARD_SIZES = [
  "(min-width: 1800px) calc((min(100vw, 2000px) - 510px) / 5 - 16px)",
  "(min-width: 1360px) calc((93.6vw - 396px) / 4 - 16px)",
  "(min-width: 1100px) calc((93.6vw - 390px) / 3 - 16px)",
  "(min-width: 860px) calc(23.4vw - 16px)",
  "(min-width: 600px) calc(31.2vw - 16px)",
  "calc(50vw - 32px)",
].join(", ");

export interface Slot {
  key: string;
  id: string;
  style: string | null;
  /** The how many-th of its style on the board. */
  take: number;
  status: "queued" | "drawing" | "preview" | "ready" | "failed";
  preview: string | null;
  picture: Picture | null;
  problem: string | null;
  /** Came while the page was open: it develops before one's eyes. */
  live: boolean;
}

interface Props {
  slot: Slot;
  number: number;
  thread: string;
  chosen: boolean;
  /** Above the fold: asked for at once. */
  first: boolean;
}

const STATUS: Record<Slot["status"], string> = {
  queued: "waiting for its turn",
  drawing: "being drawn",
  preview: "nearly there",
  ready: "on its way",
  failed: "did not come",
};

export const Frame = memo(function Frame({ slot, number, thread, chosen, first }: Props) {
  const { picture, status } = slot;
  const name = captionOf(slot.style, slot.take);
  return (
    <li className="frame" data-status={status} data-chosen={chosen || undefined} id={`frame-${slot.id}`}>
      {picture ? (
        <Link className="print" href={pagePath(picture)} prefetch={false} aria-label={`Look at number ${number}: ${name}`}
          onPointerEnter={() => warm(picture)} onFocus={() => warm(picture)}>
          <Film slot={slot} number={number} first={first} />
        </Link>
      ) : (
        <div className="print"><Film slot={slot} number={number} first={first} /></div>
      )}
      <div className="caption">
        <h3>{name}</h3>
        {status === "ready" ? <Tag id={slot.id} waiting="" /> : <p className="tag">{STATUS[status]}</p>}
        {picture && (
          <button type="button" className="choose" aria-pressed={chosen} aria-label={`Choose number ${number}: ${name}`} onClick={() => toggleChosen(thread, picture.id)}>
            <Icon name="ring" />
          </button>
        )}
      </div>
    </li>
  );
});

function Film({ slot, number, first }: Pick<Props, "slot" | "number" | "first">) {
  const { picture, status, preview } = slot;
  return (
    <>
      <span className="rebate" aria-hidden="true"><span className="number">{number}</span><span>Orbit 120</span></span>
      <span className={slot.live ? "window develop" : "window"}>
        {picture === null && preview !== null && status !== "failed" && <img className="preview" src={preview} alt="" />}
        {picture === null && status !== "failed" && (
          <svg className="latent" viewBox="0 0 60 30" aria-hidden="true"><ellipse cx="30" cy="15" rx="26" ry="10" /><circle r="3" /></svg>
        )}
        {status === "failed" && <span className="mishap">{slot.problem}</span>}
        {picture && (
          <OrbitImage src={picture.url} width={picture.width} height={picture.height} placeholder={picture.placeholder.data_url}
            alt={`${picture.title}, ${captionOf(slot.style, slot.take)}`} sizes={BOARD_SIZES} thumbnail={slot.live ? 256 : false} priority={first} fit="cover" />
        )}
        <svg className="grease" viewBox="0 0 100 100" aria-hidden="true">
          <path pathLength="1" d="M57 5 C86 4 97 27 95 52 C93 81 73 96 47 95 C20 94 4 75 5 47 C6 22 25 6 63 9" />
        </svg>
      </span>
      <span className="rebate" aria-hidden="true"><span>{picture?.title ?? ""}</span><span>{picture ? `${picture.width} × ${picture.height}` : ""}</span></span>
    </>
  );
}

/** Who points at a picture is about to open it: its large one comes meanwhile, behind all else. */
function warm(picture: Picture): void {
  void preloadImages([picture.url], { priority: "low" });
}
