"use client";
/**
 * Composer: a brief, the directions to draw it in, how many of each. Asks Orbit, remembers the brief, and goes to the board.
 * On a board it asks for more of the same.
 */
import { useRouter } from "next/navigation";
import { generate, type Job, OrbitError } from "orbit-images";
import { type FormEvent, useRef, useState } from "react";
import { keepBrief } from "@/lib/kept";
import { askedFor } from "@/lib/asked";
import { boardName, count, DIRECTIONS, titleOf } from "@/lib/words";

type Ask = (concepts: Concept[]) => Promise<Job>;
interface Concept {
  prompt: string;
  style: string;
  title: string;
}

interface Props {
  /** The board that gets them; a new one without. */
  thread?: string;
  brief?: string;
  /** How to ask; the board's own, so that its slots are there at once. */
  ask?: Ask;
}

export function Composer({ thread, brief = "", ask }: Props) {
  const router = useRouter();
  const field = useRef<HTMLTextAreaElement>(null);
  const [styles, setStyles] = useState<readonly string[]>(["hero", "flat", "line", "paper"]);
  const [each, setEach] = useState(2);
  const [state, setState] = useState<{ busy: boolean; problem: string | null }>({ busy: false, problem: null });
  const total = styles.length * each;

  async function submit(event: FormEvent) {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    if (state.busy) return;
    if (text === "" || total === 0) {
      setState({ busy: false, problem: text === "" ? "Say in a few words what you want to see." : "Pick a direction at least." });
      if (text === "") field.current?.focus();
      return;
    }
    setState({ busy: true, problem: null });
    const board = thread ?? boardName(text);
    try {
      const concepts = conceptsOf(text, styles, each);
      const asking = ask ? ask(concepts) : generate({ thread_id: board, concepts, partial_images: 1 });
      const job = await asking;
      keepBrief(board, text);
      if (!ask) {
        askedFor(board, job);
        router.push(`/boards/${board}`);
        return;
      }
      setState({ busy: false, problem: null });
    } catch (error) {
      setState({ busy: false, problem: adviceOf(error) });
    }
  }

  return (
    <form className="composer" onSubmit={submit}>
      <div>
        <label htmlFor="brief">The brief</label>
        <textarea id="brief" ref={field} name="brief" defaultValue={brief} maxLength={2000} placeholder="A recycling mascot for a city that likes its bins"
          aria-invalid={state.problem !== null || undefined} aria-describedby={state.problem === null ? undefined : "brief-problem"}
          onKeyDown={(event) => event.key === "Enter" && (event.metaKey || event.ctrlKey) && event.currentTarget.form?.requestSubmit()} />
      </div>
      <fieldset>
        <legend>Directions</legend>
        <div className="directions">
          {DIRECTIONS.map(({ style, name, hint }) => (
            <label className="direction" key={style}>
              <input type="checkbox" checked={styles.includes(style)} onChange={() => setStyles(toggled(styles, style))} />
              <span>{name} <small>{hint}</small></span>
            </label>
          ))}
        </div>
      </fieldset>
      <div className="composer-end">
        <fieldset>
          <legend>Of each</legend>
          <div className="each">
            {[1, 2, 3, 4].map((n) => (
              <label key={n}><input type="radio" name="each" checked={each === n} onChange={() => setEach(n)} /><span>{n}</span></label>
            ))}
          </div>
        </fieldset>
        <button className="button main" aria-disabled={state.busy || undefined}>
          {state.busy ? "Asking" : total === 0 ? "Draw" : `Draw ${count(total, "concept")}`}
        </button>
      </div>
      <div aria-live="polite">
        {state.problem !== null && <p className="note" data-kind="problem" id="brief-problem">{state.problem}</p>}
      </div>
    </form>
  );
}

function toggled(styles: readonly string[], style: string): string[] {
  // In the order of the list, whatever the order of the clicks.
  return DIRECTIONS.map((one) => one.style).filter((one) => (one === style) !== styles.includes(one));
}

function conceptsOf(brief: string, styles: readonly string[], each: number): Concept[] {
  return styles.flatMap((style) => {
    const hint = DIRECTIONS.find((one) => one.style === style)?.hint ?? style;
    return Array.from({ length: each }, () => ({ prompt: `${brief}. ${style}: ${hint}.`, style, title: titleOf(brief) }));
  });
}

function adviceOf(error: unknown): string {
  if (!(error instanceof OrbitError)) return "Nothing was asked: something broke on this page. Load it again.";
  if (error.status === 0) return "Nothing was asked: the server does not answer. Is orbit serve running?";
  if (error.status === 401 || error.status === 403) return "This server draws for nobody without its token.";
  if (error.status === 503) return "The queue is full. Ask again in a moment, or for fewer.";
  return `Nothing was asked: ${error.message}`;
}
