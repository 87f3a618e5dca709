/** A scripted server in the place of `fetch`: answers in order, and what was asked. */
import { vi } from "vitest";

export type Answer = Response | Error | ((request: Request) => Response | Promise<Response>);

/** A body that the test writes to, and ends or breaks. */
export class Line {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly response: Response;
  readonly cancelled = vi.fn();

  constructor() {
    const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      this.#controller = controller;
    };
    const body = new ReadableStream<Uint8Array>({ start, cancel: this.cancelled });
    this.response = new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  send(text: string): void {
    this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  event(id: string, event: string, data: unknown): void {
    this.send(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    this.#controller?.close();
  }

  cut(): void {
    this.#controller?.error(new TypeError("network error"));
  }
}

/** Takes the place of `fetch`; answers in order, and with the last one from then on. */
export function serve(...answers: Answer[]): Request[] {
  const asked: Request[] = [];
  vi.stubGlobal("fetch", async (input: string | Request, init?: RequestInit) => {
    const request = new Request(
      typeof input === "string" ? new URL(input, "http://page.example") : input,
      init,
    );
    asked.push(request);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error || answer === undefined) throw answer ?? new TypeError("no answer");
    if (request.signal.aborted) throw request.signal.reason;
    const response = typeof answer === "function" ? await answer(request) : answer;
    if (!response.body) return response;
    // As fetch does: an abort breaks the body.
    const reader = response.body.getReader();
    const body = new ReadableStream({
      async pull(controller) {
        const aborted = new Promise<never>((_, reject) => {
          request.signal.addEventListener("abort", () => reject(request.signal.reason));
        });
        const { done, value } = await Promise.race([reader.read(), aborted]);
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, response);
  });
  return asked;
}

/** A problem as the server tells it. */
export function problem(status: number, code: string, headers: HeadersInit = {}): Response {
  return Response.json(
    { type: "about:blank", title: "", status, detail: `about ${code}`, code },
    { status, headers },
  );
}
