/**
 * Words: how names, times and sizes are said to people. Pure; called everywhere.
 */

/** A board's name as a title: `recycling-mascot-4k2m9qab` is "Recycling mascot". */
export function boardTitle(thread: string): string {
  const words = thread.replace(/-[a-z0-9]{8}$/, "").replace(/[-_]+/g, " ").trim();
  return words === "" ? thread : words[0]?.toUpperCase() + words.slice(1);
}

/** A name for a new board: what its brief says, and eight characters that nobody guesses. */
export function boardName(brief: string): string {
  const slug = brief
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
  return `${slug || "board"}-${randomLetters(8)}`;
}

/** Letters and digits from the browser's own source of chance. */
export function randomLetters(count: number): string {
  const alphabet = "0123456789abcdefghijklmnopqrstuv";
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join("");
}

/** "0.4 ms", "12 ms", "1.3 s". */
export function sayMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

/** "0 B", "6.5 KB", "1.2 MB". */
export function sayBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(bytes < 1e4 ? 1 : 0)} KB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** "1 picture", "12 pictures". */
export function count(n: number, noun: string): string {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

/** "28 Nov, 20:03", the same on server and browser: in UTC. */
export function sayWhen(rfc3339: string): string {
  const date = new Date(rfc3339);
  return Number.isNaN(date.getTime()) ? "" : WHEN.format(date);
}
const WHEN = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

/** Directions that a brief can be drawn in; the key is the image's `style`. */
export const DIRECTIONS = [
  { style: "hero", name: "Hero", hint: "one bold figure, wide light" },
  { style: "flat", name: "Flat", hint: "few colours, no shadows" },
  { style: "line", name: "Line", hint: "ink outlines on paper" },
  { style: "paper", name: "Paper cut", hint: "layers of coloured card" },
  { style: "clay", name: "Clay", hint: "soft, thumbed, rounded" },
  { style: "blueprint", name: "Blueprint", hint: "white lines on blue" },
] as const;

const NAMES = new Map<string, string>([...DIRECTIONS.map(({ style, name }) => [style, name] as const), ["pencil", "Magic pencil"]]);

/** A style's name for people. */
export function styleName(style: string | null): string {
  return style === null ? "Print" : (NAMES.get(style) ?? style);
}

const SMALL_WORDS = new Set("a an the for of in on and or with to from that who which its their our my at by as is are be".split(" "));

/** A title from a brief: its first words that say something. */
export function titleOf(brief: string): string {
  const words = brief.split(/[^\p{L}\p{N}'’-]+/u).filter((word) => word !== "");
  const telling = words.filter((word) => !SMALL_WORDS.has(word.toLowerCase()));
  const title = (telling.length > 0 ? telling : words).slice(0, 3).join(" ").slice(0, 60);
  return title === "" ? "Concept" : title[0]?.toUpperCase() + title.slice(1);
}
