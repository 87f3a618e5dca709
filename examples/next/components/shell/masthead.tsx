"use client";
/** Masthead: the mark, the ways between pages, whether there is a line, and the meter. */
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useSyncExternalStore } from "react";
import { Meter } from "./meter";

const WAYS = [
  { href: "/", name: "Brief" },
  { href: "/gallery", name: "Gallery" },
];

export function Masthead() {
  const path = usePathname();
  const online = useSyncExternalStore(subscribeToLine, () => navigator.onLine, () => true);
  return (
    <header className="masthead">
      <div className="masthead-row">
        <Link href="/" prefetch={false} className="brand" aria-label="Concept studio, to the start">
          <svg viewBox="0 0 40 24" aria-hidden="true">
            <ellipse className="mark-orbit" cx="20" cy="12" rx="17" ry="7.5" transform="rotate(-14 20 12)" />
            <circle className="mark-body" cx="20" cy="12" r="4" />
            <circle className="mark-moon" cx="35.6" cy="6.2" r="2.6" />
          </svg>
          <span className="brand-word">Concept studio</span>
        </Link>
        <nav className="ways" aria-label="Pages">
          {WAYS.map(({ href, name }) => (
            <Link key={href} href={href} prefetch={false} aria-current={path === href ? "page" : undefined}>{name}</Link>
          ))}
        </nav>
        {!online && <p className="offline" role="status">Offline</p>}
        <Meter />
      </div>
    </header>
  );
}

function subscribeToLine(listener: () => void): () => void {
  addEventListener("online", listener);
  addEventListener("offline", listener);
  return () => {
    removeEventListener("online", listener);
    removeEventListener("offline", listener);
  };
}
