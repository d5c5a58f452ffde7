/**
 * Builds the dashboard's pages into `dist/dashboard/client`, unless nothing changed since they were built. Without Vite
 * (an installation without the development dependencies) what was built before is used as it is.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const clientFolder = join(root, "src/dashboard/client");
const builtFile = join(root, "dist/dashboard/client/index.html");
const recordFile = join(root, "dist/.client-inputs");
/** What the pages are made of beside their own folder: texts, and the versions of packages. */
const OTHER_INPUTS = ["src/pipeline/contracts.ts", "package-lock.json"].map((file) => join(root, file));

/** @returns {Promise<boolean>} whether the pages can be used; what went wrong was printed on stderr */
export async function buildClient() {
  const inputs = hashInputs();
  if (existsSync(builtFile) && existsSync(recordFile) && readFileSync(recordFile, "utf8") === inputs) return true;
  const vite = await import("vite").catch(() => null);
  if (vite === null) {
    if (existsSync(builtFile)) return true;
    console.error("The dashboard's pages are not built and Vite is not installed: run `npm ci` first.");
    return false;
  }
  try {
    // Gone until the build has succeeded.
    rmSync(recordFile, { force: true });
    await vite.build({ configFile: join(clientFolder, "vite.config.ts") });
    writeFileSync(recordFile, inputs);
    return true;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
}

function hashInputs() {
  const files = readdirSync(clientFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash("sha256");
  for (const file of [...files, ...OTHER_INPUTS])
    hash.update(`${file.slice(root.length)}\0`).update(readFileSync(file));
  return hash.digest("hex");
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = (await buildClient()) ? 0 : 1;
}
