/** Formats, widths and qualities as the measurement asks for them; everything else is Next's default. */
const config = {
  images: {
    formats: ["image/avif", "image/webp"],
    qualities: [75, 85],
    deviceSizes: [640, 1080],
    imageSizes: [256],
  },
  // Otherwise Next looks for a lockfile in the folders above and may take another package's for its root.
  turbopack: { root: `${import.meta.dirname}/..` },
};

export default config;
