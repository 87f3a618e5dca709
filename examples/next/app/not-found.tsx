/** Where there is no page, and no picture. */
import Link from "next/link";

export default function NotFound() {
  return (
    <main id="main" className="page">
      <h1>Nothing lies here</h1>
      <p className="lead">The picture was removed, or the address is mistyped.</p>
      <p style={{ marginTop: 20 }}><Link className="button main" href="/gallery">Look through the gallery</Link></p>
    </main>
  );
}
