/**
 * Vitest's configuration. The type tests run the compiler, which a busy machine may slow down, so
 * that a test may take a minute; none needs more than two seconds on an idle one. Tests of what needs
 * a page say so in their first line and get happy-dom's.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    testTimeout: 60_000,
    unstubGlobals: true,
    restoreMocks: true,
  },
});
