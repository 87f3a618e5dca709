"use client";
/**
 * Offline: registers the service worker, once the page has all that it needs; and has it keep each page that the router came to without
 * loading it, so that it can be loaded when there is no line.
 */
import { usePathname } from "next/navigation";
import { registerOrbitWorker } from "orbit-images/sw";
import { useEffect, useRef } from "react";

/** Who only passes through a page need not keep it. */
const PAUSE_MS = 800;

export function Offline() {
  useEffect(() => {
    if (document.readyState === "complete") return void registerOrbitWorker();
    const later = () => void registerOrbitWorker();
    addEventListener("load", later, { once: true });
    return () => removeEventListener("load", later);
  }, []);
  const path = usePathname();
  const last = useRef(path);
  useEffect(() => {
    if (path === last.current) return;
    last.current = path;
    if (!navigator.serviceWorker?.controller) return;
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      fetch(path, { headers: { accept: "text/html" }, priority: "low", signal: leaving.signal }).catch(() => {});
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [path]);
  return null;
}
