/**
 * What a thread shows, worked out of its events one by one: a place for each concept from the moment that
 * it is known, filled in as the image comes. Called by `use-thread.ts`; pure.
 */
import type { EventImage, ImageFailure, Job, OrbitEvent } from "../types.js";

/** One place: a concept of a job, or an image of the thread. */
export interface ThreadItem {
  /** The same for the whole life of the place. */
  key: string;
  /** The id that the image has or will have; empty where a failure was told of alone. */
  id: string;
  url: string;
  job: string | null;
  /** The concept's place in its job. */
  index: number;
  status: "queued" | "drawing" | "preview" | "ready" | "failed";
  /** The URL of the latest preview. */
  preview: string | null;
  image: EventImage | null;
  error: ImageFailure | null;
}

/** The places, in order of arrival. */
export type ThreadItems = readonly ThreadItem[];

/** The places of a job that was accepted. */
export function withJob(items: ThreadItems, { job, images }: Job): ThreadItems {
  return images.reduce((all, { index, id, url, error }) => {
    const known = all.find(({ key }) => key === keyOf(job, index));
    if (known && known.status !== "queued") return all;
    return put(all, job, index, { id, url, error, status: error ? "failed" : "queued" });
  }, items);
}

/** The places after one more event. */
export function withEvent(items: ThreadItems, { event, data }: OrbitEvent): ThreadItems {
  switch (event) {
    case "concept_started":
      return put(items, data.job, data.index, { id: data.id, url: data.url, status: "drawing" });
    case "concept_preview":
      return put(items, data.job, data.index, {
        id: data.id,
        preview: data.url,
        status: "preview",
      });
    case "concept_progress":
      return put(items, data.job, data.index, ready(data.image));
    case "concept_failed": {
      const { code, message } = data;
      return put(items, data.job, data.index, { status: "failed", error: { code, message } });
    }
    case "concepts_generated":
      return data.images.reduce((all, image) => amend(all, image), items);
    case "image_purged":
      return items.filter(({ id }) => id !== data.id);
    default:
      return items;
  }
}

const keyOf = (job: string, index: number): string => `${job}:${index}`;
const ready = (image: EventImage): Partial<ThreadItem> => ({
  id: image.id,
  url: image.url,
  status: "ready",
  image,
  error: null,
});

function put(
  items: ThreadItems,
  job: string,
  index: number,
  news: Partial<ThreadItem>,
): ThreadItems {
  const key = keyOf(job, index);
  const empty: ThreadItem = {
    key,
    id: "",
    url: "",
    job,
    index,
    status: "queued",
    preview: null,
    image: null,
    error: null,
  };
  const at = items.findIndex((item) => item.key === key);
  return at < 0
    ? [...items, { ...empty, ...news }]
    : items.with(at, { ...empty, ...items[at], ...news });
}

/** The end of a job tells of images once more, better ones perhaps; one that was purged is not put back. */
function amend(items: ThreadItems, image: EventImage): ThreadItems {
  const at = items.findIndex(({ id }) => id === image.id);
  const item = items[at];
  return item ? items.with(at, { ...item, ...ready(image) }) : items;
}
