/**
 * Writes what is made from the configuration's schema: piipe.schema.json and src/config/pipeline-config.ts.
 * With --check it writes nothing, and fails when a file is not what it would write. Reads the built schema: build first.
 */
import { readFile, writeFile } from "node:fs/promises";
import { format } from "oxfmt";
import { renderConfigTypes } from "./render-config-types.mjs";

const root = new URL("../", import.meta.url);
/** @type {typeof import("../src/config/json-schema.ts")} */
const { inputSchema, jsonSchema } = await import(new URL("dist/config/json-schema.js", root).href);
/** @type {import("oxfmt").FormatConfig} */
const options = JSON.parse(await readFile(new URL(".oxfmtrc.json", root), "utf8"));

const files = {
  "piipe.schema.json": JSON.stringify(jsonSchema()),
  "src/config/pipeline-config.ts": renderConfigTypes(inputSchema()),
};

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
