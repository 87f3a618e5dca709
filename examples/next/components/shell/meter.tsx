"use client";
/** The meter: how often each tier has answered since the page was opened, and what came over the wire. */
import { TIER_NAMES, type Tier, useTotals } from "@/lib/answers";
import { sayBytes } from "@/lib/words";

const SHOWN: readonly Tier[] = ["browser", "worker", "edge", "origin"];
const WORDS: Record<string, string> = {
  browser: "its own cache, no request",
  worker: "the service worker, no line needed",
  edge: "from memory, beside the app",
  origin: "the edge had none yet",
};

export function Meter() {
  const totals = useTotals();
  // In short, the worker's store is the browser's: three numbers, whose places never change.
  const short = [
    { tier: "browser", times: totals.browser + totals.worker },
    { tier: "edge", times: totals.edge },
    { tier: "origin", times: totals.origin },
  ] as const;
  const spoken = short.map(({ tier, times }) => `${TIER_NAMES[tier]} ${times}`).join(", ");
  return (
    <details className="meter">
      <summary aria-label={`Who answered for the pictures: ${spoken}`}>
        {short.map(({ tier, times }) => (
          <span key={tier} data-tier={tier}>
            <i className="dot" /> <span className="meter-words">{TIER_NAMES[tier]}</span> <b data-meter={tier}>{times}</b>
          </span>
        ))}
      </summary>
      <div className="meter-card">
        <h2>Who answered</h2>
        <dl>
          {SHOWN.map((tier) => (
            <div key={tier} data-tier={tier} style={{ display: "contents" }}>
              <dt><i className="dot" /> {TIER_NAMES[tier]}: {WORDS[tier]}</dt>
              <dd>{totals[tier]}</dd>
            </div>
          ))}
          <dt>Pictures over the wire</dt>
          <dd data-meter="bytes">{sayBytes(totals.wireBytes)}</dd>
        </dl>
        <p className="small">Since this page was opened, as the browser measured it.</p>
      </div>
    </details>
  );
}
