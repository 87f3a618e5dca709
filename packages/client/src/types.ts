/**
 * The wire contract as types: what the server says in metadata, lists, events, jobs, receipts and
 * problems. Made of `contract/` by `npm run types`; change it there.
 *
 * Types only: nothing of this file is left at run time.
 */

/** Formats that an image is served in. */
export type ImageFormat = "webp" | "avif" | "jpeg" | "png";

/** Formats that a rendition may have. */
export type VariantFormat = "png" | "jpeg" | "webp" | "gif" | "avif";

/** How far a job, or one image of it, has come. */
export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";

/** The stable codes of a problem. */
export type ProblemCode =
  | "not_found"
  | "invalid"
  | "conflict"
  | "too_large"
  | "busy"
  | "unsupported"
  | "unauthorized"
  | "forbidden"
  | "timeout"
  | "unavailable"
  | "loop"
  | "pending"
  | "internal";

/** The stable codes of an image that will not come. */
export type FailureCode =
  | ProblemCode
  | "refused"
  | "generator_failed"
  | "generator_busy"
  | "generator_timeout"
  | "interrupted"
  | "cancelled";

/** What stands in for an image until its bytes are there. */
export interface Placeholder {
  /** A ThumbHash in base64. */
  thumbhash: string;
  /** The ThumbHash's picture as a `data:` URL, ready for an `<img>`. */
  data_url: string;
  /** The mean color as `#rrggbb`. */
  color: string;
}

/** A rendition that was derived from an image. */
export interface ImageVariant {
  /** Where a browser loads it from, unless only a signed URL may ask for it. */
  url: string;
  format: VariantFormat;
  /** 1 to 100; 100 where nothing was lost. */
  quality: number;
  width: number;
  height: number;
  bytes: number;
}

/** All that is known of an image. */
export interface ImageMetadata {
  id: string;
  /** The image's path at the edge: `/api/images/{id}`. */
  url: string;
  thread_id: string | null;
  style: string | null;
  title: string | null;
  /** Absent where the reader may not see it, and in every event. */
  prompt?: string;
  /** Absent as the prompt is, and where it is not known. */
  seed?: number;
  /** Present as the prompt is, and only where there is one: `GET /images/{id}/recipe` has it. */
  recipe?: true;
  model: string | null;
  /** True for an image made by a generator. */
  generated: boolean;
  cached: boolean;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** The length of the image as served without a query. */
  bytes: number;
  format: ImageFormat;
  /** `blake3:` and 64 hexadecimal digits. */
  digest: string;
  /** RFC 3339, UTC, in milliseconds. */
  created_at: string;
  placeholder: Placeholder;
  /** Renditions that were derived from the image. */
  variants: ImageVariant[];
}

/** Metadata as events carry it: never with a prompt, or what goes with it. */
export type EventImage = Omit<ImageMetadata, "prompt" | "seed" | "recipe">;

/** A page of images, newest first. */
export interface ImageList {
  images: ImageMetadata[];
  /** Opaque; null on the last page. */
  next_cursor: string | null;
}

/** Why an image will not come. */
export interface ImageFailure {
  code: FailureCode;
  message: string;
}

/** One image of a job; its id and URL exist before its bytes do. */
export interface JobImage {
  /** The concept's place in the request, from 0. */
  index: number;
  id: string;
  url: string;
  state: JobState;
  /** Why the image will not come; null unless it will not. */
  error: ImageFailure | null;
}

/** A batch of concepts that is being made into images. */
export interface Job {
  job: string;
  url: string;
  thread_id: string;
  state: JobState;
  total: number;
  completed: number;
  failed: number;
  images: JobImage[];
  /** The path of the thread's event stream, from just before this job. */
  events: string;
}

/** What a purge removed from one tier or store. */
export interface Removal {
  tier: string;
  entries: number;
  /** Absent where the tier counts no bytes. */
  bytes?: number;
  /** Why a CDN has not confirmed yet, and what becomes of that; absent where all went well. */
  failed?: string;
}

/** What became of a purge at one edge that follows the origin's log. */
export interface EdgeReceipt {
  name: string;
  /** False where the edge is cut off: it asks before it serves any copy, until it has caught up. */
  confirmed: boolean;
  /** How far it had come in the log; null where that is not known. */
  position: string | null;
}

/** The answer to a deletion or a purge. */
export interface Receipt {
  /** Ids of the images that were there. */
  images: string[];
  /** Ids that were asked for and were not there. */
  missing: string[];
  removed: Removal[];
  edges: EdgeReceipt[];
  /** Present where the log of purges could not be reached: the purge is noted and told later. */
  pending?: boolean;
  /** True where copies were only marked as stale. */
  soft: boolean;
  /** RFC 3339, UTC, in milliseconds. */
  at: string;
}

/** An error's body, `application/problem+json` (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  /** The HTTP status. */
  status: number;
  detail: string;
  code: ProblemCode;
  /** With `pending`: how far the image has come. */
  state?: JobState;
  /** With `pending`: the job that makes it. */
  job?: string;
}

/** One concept of a job is being drawn. */
export interface ConceptStarted {
  thread_id: string;
  job: string;
  index: number;
  total: number;
  completed: number;
  /** The id that the image will have. */
  id: string;
  /** Where the image will be. */
  url: string;
  /** How often it was tried, this time included. */
  attempt: number;
}

/** One concept of a job can be seen before it is finished. */
export interface ConceptPreview {
  thread_id: string;
  job: string;
  index: number;
  total: number;
  completed: number;
  /** The id that the image will have. */
  id: string;
  /** The preview's place among those of the image, from 0. */
  preview: number;
  /** Where the preview is, while the image is being drawn and for a little longer. */
  url: string;
}

/** One concept of a job became an image. */
export interface ConceptProgress {
  thread_id: string;
  job: string;
  index: number;
  total: number;
  completed: number;
  image: EventImage;
}

/** One concept of a job will not become an image. */
export interface ConceptFailed {
  thread_id: string;
  job: string;
  index: number;
  total: number;
  completed: number;
  code: FailureCode;
  message: string;
}

/** A job has ended. */
export interface ConceptsGenerated {
  thread_id: string;
  job: string;
  total: number;
  failed: number;
  /** The images that were made, in the order of their concepts. */
  images: EventImage[];
}

/** An image of the thread is gone from every tier. */
export interface ImagePurged {
  thread_id: string;
  id: string;
}

/** An event of a thread's stream: `event` is its name there, `data` its parsed JSON. */
export type OrbitEvent =
  | { event: "concept_started"; data: ConceptStarted }
  | { event: "concept_preview"; data: ConceptPreview }
  | { event: "concept_progress"; data: ConceptProgress }
  | { event: "concept_failed"; data: ConceptFailed }
  | { event: "concepts_generated"; data: ConceptsGenerated }
  | { event: "image_purged"; data: ImagePurged };
