import { defineConfig } from "vitest/config";

/** What takes long, or needs a program that npm does not bring: `npm run test:slow`. */
const SLOW = "**/*.slow.test.ts";
const isSlowLane = process.env["PIIPE_TEST_LANE"] === "slow";

export default defineConfig({
  test: {
    include: isSlowLane ? [`tests/${SLOW}`] : ["src/**/*.test.ts", "tests/**/*.test.ts", "tools/**/*.test.ts"],
    exclude: isSlowLane ? [] : [SLOW],
    globalSetup: ["tests/support/global-setup.ts"],
    setupFiles: ["tests/support/setup.ts"],
    // Loading the modules anew for each file took longer than most files.
    isolate: false,
    // Integration and command-line tests mostly wait for servers: one worker a core left both cores idle.
    maxWorkers: 6,
    // Against hangs only. A test of twenty commands takes 15 s, and four times that on a machine that does other work.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
