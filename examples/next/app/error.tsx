"use client";
/** A page that could not be shown: usually the line is down, so say so and let it be tried again. */

export default function Failed({ reset }: { error: Error; reset: () => void }) {
  return (
    <main id="main" className="page">
      <h1>This page did not come</h1>
      <p className="lead">The line may be down. What you have seen before can be opened without one.</p>
      <p style={{ marginTop: 20 }}><button type="button" className="button main" onClick={reset}>Try again</button></p>
    </main>
  );
}
