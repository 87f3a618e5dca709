/**
 * Asked for: jobs that were accepted on this page a moment ago, so that a board has its empty frames before the first event
 * comes. Lost with the page: after that the events tell all of it.
 */
import type { Job } from "orbit-images";

const jobs = new Map<string, Job>();

/** Remembers a job for the board that is opened next. */
export function askedFor(thread: string, job: Job): void {
  jobs.set(thread, job);
}

/** The job that was asked for on a board, if it was on this page. */
export function jobOf(thread: string): Job | null {
  return jobs.get(thread) ?? null;
}
