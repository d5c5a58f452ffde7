import { defineConfig } from "vitest/config";

/** What takes long, or needs a program that npm does not bring. */
const SLOW = ["tests/**/*.slow.test.ts", "tools/**/*.slow.test.ts"];
const USUAL = ["src/**/*.test.ts", "tests/**/*.test.ts", "tools/**/*.test.ts"];
/** PIIPE_TEST_LANE: `slow` as in `npm run test:slow`, `all`; by default the lane of `npm test`. */
const lane = process.env["PIIPE_TEST_LANE"];

export default defineConfig({
  test: {
    include: lane === "slow" ? SLOW : USUAL,
    exclude: lane === undefined ? SLOW : [],
    globalSetup: ["tests/support/global-setup.ts"],
    setupFiles: ["tests/support/setup.ts"],
    // Loading the modules anew for each file took longer than most files.
    isolate: false,
    // Integration and command-line tests mostly wait for servers: one worker a core left both cores idle.
    maxWorkers: lane === "slow" ? 2 : 8,
    // Against hangs only. A test of twenty commands takes 15 s, and four times that on a machine that does other work.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
