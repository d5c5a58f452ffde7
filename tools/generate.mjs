/** Writes every generated file, or with --check fails when one is not what it would be. Build first. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const GENERATORS = ["generate-embedded.mjs", "generate-schema.mjs", "generate-sample-events.mjs", "generate-docs.mjs"];

for (const name of GENERATORS) {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
