/**
 * The one error of this package: what the server's problem says, or why there was no answer.
 */
import type { Problem, ProblemCode } from "./types.js";

/** What went wrong: the server's own code, or that of something between it and the page. */
export type ErrorCode = ProblemCode | "aborted" | "tainted";

/** A request that failed; `message` says of what. */
export class OrbitError extends Error {
  override readonly name = "OrbitError";
  constructor(
    /** Stable, to decide by. */
    readonly code: ErrorCode,
    message: string,
    /** HTTP's status; 0 where there was no answer. */
    readonly status = 0,
    /** Seconds after which the server asks to be asked again; 0 where it does not. */
    readonly retryAfter = 0,
  ) {
    super(message);
  }
}

/** What an answer that is no success says. */
export async function problemOf(response: Response): Promise<OrbitError> {
  const { status, headers } = response;
  const problem: Partial<Problem> = (await response.json().catch(() => null)) ?? {};
  const detail = problem.detail ?? `${response.url} answered ${status}`;
  const code = problem.code ?? (status === 404 ? "not_found" : "unavailable");
  return new OrbitError(code, detail, status, Number(headers.get("retry-after")) || 0);
}

/** Why `fetch` gave nothing. */
export function failureOf(cause: unknown, what: string): OrbitError {
  if (cause instanceof OrbitError) return cause;
  const { name, message } = cause as Error;
  return new OrbitError(name === "AbortError" ? "aborted" : "unavailable", `${what}: ${message}`);
}
