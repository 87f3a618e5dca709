/**
 * Reads a stream of Server-Sent Events (HTML, section 9.2.6): bytes in any pieces to messages. Knows
 * nothing of connections; `thread.ts` owns those.
 */

/** One message, or with empty `data` only the news of an id or a delay. */
export interface Message {
  event: string;
  data: string;
  /** The last id that the stream named, empty before the first. */
  id: string;
  /** Milliseconds to wait before coming back, where the stream said so. */
  retry?: number;
}

/** Reads to the end of the stream; a message that was cut off is not given. */
export async function* readMessages(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<Message> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let message: Message = { event: "", data: "", id: "" };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      rest += decoder.decode(value, { stream: true });
      // A CR at the end may be the first half of a line's end.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line !== "") take(message, line);
        else {
          yield { ...message, data: message.data.slice(0, -1) };
          message = { event: "", data: "", id: message.id };
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function take(message: Message, line: string): void {
  const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
  if (field === "data") message.data += `${value}\n`;
  else if (field === "event") message.event = value;
  else if (field === "id" && !value.includes("\0")) message.id = value;
  else if (field === "retry" && /^\d+$/.test(value)) message.retry = Number(value);
}
