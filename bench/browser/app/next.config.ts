import path from "node:path";
import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  // next/image as it comes, with its default optimizer; all it is told is that the backend may be on this machine.
  images: {
    remotePatterns: [{ protocol: "http", hostname: "127.0.0.1", pathname: "/images/**" }],
    dangerouslyAllowLocalIP: true,
  },
  // The studio's styles, the package and the baseline's route lie in the folders above.
  turbopack: { root: path.join(import.meta.dirname, "../../..") },
};

export default config;
