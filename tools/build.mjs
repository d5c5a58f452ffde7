import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { buildCli } from "./build-cli.mjs";
import { buildClient } from "./build-client.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
export const mainFile = fileURLToPath(new URL("../dist/bin/piipe.js", import.meta.url));
const compiledFile = fileURLToPath(new URL("../dist/index.js", import.meta.url));

/**
 * Brings `dist` up to date: under a second when nothing changed. Without the compiler (an installation without the
 * development dependencies) what was built before is used as it is.
 * @returns {Promise<boolean>} whether `dist` can be used; what went wrong was printed on stderr
 */
export async function build() {
  const compiler = findCompiler();
  if (compiler === null) {
    if (existsSync(mainFile)) return true;
    console.error("piipe is not built and the compiler is not installed: run `npm ci` first.");
    return false;
  }
  // An incremental build trusts its record and would not write again what was deleted.
  if (!existsSync(compiledFile)) rmSync(`${root}dist`, { recursive: true, force: true });
  // The compiler prints on stdout, which belongs to the data of the command that follows.
  const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  return status === 0 && (await buildCli()) && buildClient();
}

function findCompiler() {
  try {
    return fileURLToPath(
      new URL("bin/tsc", `file://${createRequire(import.meta.url).resolve("typescript/package.json")}`),
    );
  } catch {
    return null;
  }
}
