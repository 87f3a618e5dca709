/**
 * A picture as the studio's pages hand it around: the part of an image's metadata that is shown, and no more, because
 * every byte of it is in the page's HTML.
 */
import { type EventImage, getProxiedImageUrl } from "orbit-images";

export interface Picture {
  id: string;
  /** At the edge, on the page's own origin. */
  url: string;
  thread: string | null;
  style: string | null;
  title: string;
  /** The id of the picture that this one was drawn over, if it was. */
  parent: string | null;
  model: string | null;
  width: number;
  height: number;
  bytes: number;
  created: string;
  placeholder: { data_url: string; color: string };
}

/** What a drawing says in its `model`, before its parent's id: the server has no label of its own for a parent. */
const PENCIL = "magic-pencil/";

/** The label that names a drawing's parent. */
export const pencilModel = (parent: string): string => `${PENCIL}${parent}`;

/** The picture that a server's metadata describes. */
export function pictureOf(image: EventImage): Picture {
  const drawn = image.model?.startsWith(PENCIL) ?? false;
  return {
    id: image.id,
    url: getProxiedImageUrl(image.url),
    thread: image.thread_id,
    style: image.style,
    title: image.title ?? "Untitled",
    parent: drawn ? (image.model?.slice(PENCIL.length) ?? null) : null,
    model: drawn ? "magic pencil" : image.model,
    width: image.width,
    height: image.height,
    bytes: image.bytes,
    created: image.created_at,
    placeholder: { data_url: image.placeholder.data_url, color: image.placeholder.color },
  };
}

/** Where a picture's own page is. */
export const pagePath = (picture: Picture): string => `/boards/${picture.thread ?? "-"}/${picture.id}`;
