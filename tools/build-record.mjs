/** What a part of `dist` was made from: whether it has to be made again. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

export class BuildRecord {
  #file;
  #inputs;

  /**
   * @param {string} name of the record's file in `dist`
   * @param {readonly string[]} files from the root
   */
  constructor(name, files) {
    this.#file = join(root, "dist", name);
    const hash = createHash("sha256");
    for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
    this.#inputs = hash.digest("hex");
  }

  /** The files are those of the last build that succeeded. */
  holds() {
    return existsSync(this.#file) && readFileSync(this.#file, "utf8") === this.#inputs;
  }

  /**
   * Carries out the build; while it has not succeeded, nothing is recorded. What went wrong is printed on stderr.
   * @param {() => Promise<unknown>} build
   * @returns {Promise<boolean>} whether it has succeeded
   */
  async keep(build) {
    rmSync(this.#file, { force: true });
    try {
      await build();
      writeFileSync(this.#file, this.#inputs);
      return true;
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      return false;
    }
  }
}

/**
 * The files of a folder and below it that are no tests, from the root, in one order.
 * @param {string} folder from the root
 * @returns {string[]}
 */
export function filesIn(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}
