/** The studio's frame: what stands on every page, and stays while pages change. */
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { Masthead } from "@/components/shell/masthead";
import { Offline } from "@/components/shell/offline";
import "@/styles/ground.css";
import "@/styles/masthead.css";
import "@/styles/brief.css";
import "@/styles/board.css";
import "@/styles/concept.css";
import "@/styles/pencil.css";
import "@/styles/gallery.css";

export const metadata: Metadata = {
  title: { default: "Concept studio", template: "%s · Concept studio" },
  description: "Ask for concepts, watch them come, choose, and draw over them. Pictures by Orbit.",
  applicationName: "Concept studio",
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  viewportFit: "cover",
  colorScheme: "light dark",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#e7ebe8" },
    { media: "(prefers-color-scheme: dark)", color: "#130c0a" },
  ],
};

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <a className="skip" href="#main">Skip to the page</a>
        <Masthead />
        {children}
        <Offline />
      </body>
    </html>
  );
}
