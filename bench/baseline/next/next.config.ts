import type { NextConfig } from "next";

const config: NextConfig = {
  // Otherwise Next looks for a lockfile in the folders above and may take another package's for its root.
  turbopack: { root: import.meta.dirname },
};

export default config;
