import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "tests/**/*.test.ts", "tools/**/*.test.ts"],
    globalSetup: ["tests/support/global-setup.ts"],
    isolate: false,
    setupFiles: ["tests/support/setup.ts"],
    // Integration and command-line tests mostly wait for servers: one worker a core left both cores idle.
    maxWorkers: 4,
    // Against hangs only. A test of twenty commands takes 15 s, and four times that on a machine that does other work.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
