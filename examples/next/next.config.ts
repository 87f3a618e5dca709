import path from "node:path";
import type { NextConfig } from "next";
import { withOrbit } from "orbit-images/next";

const PAGES = ["/", "/gallery", "/boards/:path*", "/pencil/:path*"];

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  // Pages are asked for anew each time, but may be kept: by the service worker for when there is no line, and by the browser for the
  // way back. Next's own word for a page that is made on demand is `no-store`.
  headers: async () => PAGES.map((source) => ({ source, headers: [{ key: "Cache-Control", value: "private, no-cache" }] })),
  // The package lies beside the app in this repository; an app of your own needs no root.
  turbopack: { root: path.join(import.meta.dirname, "../..") },
};

export default withOrbit(config);
