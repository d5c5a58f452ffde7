/**
 * Builds the dashboard's pages into `dist/dashboard/client`, unless nothing changed since they were built. Without Vite
 * (an installation without the development dependencies) what was built before is used as it is.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { BuildRecord, filesIn, root } from "./build-record.mjs";

const clientFolder = "src/dashboard/client";
const builtFile = join(root, "dist/dashboard/client/index.html");
/** What the pages are made of beside their own folder: texts, and the versions of packages. */
const OTHER_INPUTS = ["src/pipeline/contracts.ts", "package-lock.json"];

/** @returns {Promise<boolean>} whether the pages can be used; what went wrong was printed on stderr */
export async function buildClient() {
  const record = new BuildRecord(".client-inputs", [...filesIn(clientFolder), ...OTHER_INPUTS]);
  if (existsSync(builtFile) && record.holds()) return true;
  const vite = await import("vite").catch(() => null);
  if (vite === null) {
    if (existsSync(builtFile)) return true;
    console.error("The dashboard's pages are not built and Vite is not installed: run `npm ci` first.");
    return false;
  }
  return record.keep(() => vite.build({ configFile: join(root, clientFolder, "vite.config.ts") }));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = (await buildClient()) ? 0 : 1;
}
