"use client";
/** Offline: registers the service worker, once the page has all that it needs. */
import { registerOrbitWorker } from "orbit-images/sw";
import { useEffect } from "react";

export function Offline() {
  useEffect(() => {
    if (document.readyState === "complete") return void registerOrbitWorker();
    const later = () => void registerOrbitWorker();
    addEventListener("load", later, { once: true });
    return () => removeEventListener("load", later);
  }, []);
  return null;
}
