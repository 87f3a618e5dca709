/** What a phone needs to put the studio on its home screen. */
import type { MetadataRoute } from "next";

export default function manifest(): MetadataRoute.Manifest {
  return {
    name: "Concept studio",
    short_name: "Studio",
    start_url: "/",
    display: "standalone",
    background_color: "#e7ebe8",
    theme_color: "#e7ebe8",
    icons: [{ src: "/icon.svg", sizes: "any", type: "image/svg+xml" }],
  };
}
