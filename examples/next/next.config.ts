import path from "node:path";
import type { NextConfig } from "next";
import { withOrbit } from "orbit-images/next";

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  // The package lies beside the app in this repository; an app of your own needs no root.
  turbopack: { root: path.join(import.meta.dirname, "../..") },
};

export default withOrbit(config);
