#!/usr/bin/env node
import { PACKAGE_VERSION } from "../app/package-version.ts";

const args = process.argv.slice(2);
const [first = ""] = args;
// Scripts ask for it often: it needs nothing else, and so takes hardly longer than Node itself.
if (args.length === 1 && ["version", "--version", "-V"].includes(first)) {
  // Whoever closed the pipe has seen enough.
  process.stdout.on("error", () => process.exit());
  process.stdout.write(`${PACKAGE_VERSION}\n`);
} else {
  const { runProcess } = await import("./run-process.ts");
  await runProcess(args);
}
