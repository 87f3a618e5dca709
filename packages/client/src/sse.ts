/**
 * Reads a stream of Server-Sent Events (HTML, section 9.2.6): bytes in any pieces to messages. Knows
 * nothing of connections; `thread.ts` owns those. Lines end with LF or CRLF; a line that ends with CR
 * alone, which nobody sends, is not read, and neither is a delay, which Orbit does not name.
 */

/** One message with data. */
export interface Message {
  event: string;
  data: string;
  /** Empty where the message has none. */
  id: string;
}

/** Reads to the end of the stream; a message that was cut off is not given. */
export async function* readMessages(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<Message> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      const blocks = (rest + decoder.decode(value, { stream: true }).replace(/\r/g, "")).split(
        "\n\n",
      );
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const message: Message = { event: "", data: "", id: "" };
        for (const line of block.split("\n")) {
          // JSON may hold line ends that a dot alone does not match.
          const [, field, value] = /^(event|data|id): ?(.*)/s.exec(line) ?? [];
          const name = field as keyof Message;
          if (name) message[name] = (message[name] && `${message[name]}\n`) + value;
        }
        if (message.data) yield message;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
