/**
 * Writes as code what lies beside the code, so that a bundle has it: the migrations of sql/ and the package's version. With
 * --check it writes nothing, and fails when a file is not what it would write.
 */
import { readFileSync, readdirSync } from "node:fs";
import { writeGenerated } from "./write-generated.mjs";

const root = new URL("../", import.meta.url);

/** @param {string} path */
const read = (path) => readFileSync(new URL(path, root), "utf8").replaceAll("\r\n", "\n");

/** @param {string} text */
const templateOf = (text) => `\`${text.replace(/[\\`]|\$\{/g, "\\$&")}\``;

/** @param {string} folder */
const migrationsIn = (folder) =>
  readdirSync(new URL(folder, root))
    .filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
    .toSorted()
    .map((name) => `{ name: ${JSON.stringify(name)}, sql: ${templateOf(read(`${folder}${name}`))} },`)
    .join("\n");

/** @type {{ readonly version: string }} */
const { version } = JSON.parse(read("package.json"));

await writeGenerated({
  "src/storage/schema/migration-files.ts": `// Generated from sql/ by tools/generate-embedded.mjs. Do not edit.

/** The files of sql/, in their order. */
export const MIGRATION_FILES: ReadonlyArray<{ readonly name: string; readonly sql: string }> = [
${migrationsIn("sql/")}
];

/** Those of sql/dsql/, for servers that are not complete: one statement in a transaction. */
export const PLAIN_MIGRATION_FILES: typeof MIGRATION_FILES = [
${migrationsIn("sql/dsql/")}
];
`,
  "src/app/package-version.ts": `// Generated from package.json by tools/generate-embedded.mjs. Do not edit.

/** Of this package. */
export const PACKAGE_VERSION = ${JSON.stringify(version)};
`,
});
