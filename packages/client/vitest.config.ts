/**
 * Vitest's configuration. The type tests run the compiler, which a busy machine may slow down, so
 * that a test may take a minute; none needs more than two seconds on an idle one.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["test/**/*.test.ts"], testTimeout: 60_000 },
});
