import { readFile, writeFile } from "node:fs/promises";
import { format } from "oxfmt";

const root = new URL("../", import.meta.url);

/**
 * Formats and writes generated files. With --check on the command line it writes nothing, and the process fails when a
 * file is not what it would write.
 * @param {Readonly<Record<string, string>>} files their unformatted text by path, relative to the repository
 */
export async function writeGenerated(files) {
  /** @type {import("oxfmt").FormatConfig} */
  const options = JSON.parse(await readFile(new URL(".oxfmtrc.json", root), "utf8"));
  for (const [name, source] of Object.entries(files)) {
    const file = new URL(name, root);
    const { code, errors } = await format(name, source, options);
    if (errors.length > 0) throw new Error(`oxfmt cannot format ${name}`);
    if (!process.argv.includes("--check")) {
      await writeFile(file, code);
    } else if ((await readFile(file, "utf8").catch(() => null)) !== code) {
      console.error(`${name} is out of date: run \`npm run generate\`.`);
      process.exitCode = 1;
    }
  }
}
