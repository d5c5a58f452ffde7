/**
 * Builds the command `piipe` into `dist/bin`: the sources and the packages that every worker loads, in a few files, unless
 * nothing changed. Node takes a millisecond of CPU to find and compile each module, and a worker has six hundred of them.
 * What only some commands need stays a package, and is loaded on demand as before. Without Rolldown (an installation without
 * the development dependencies) what was built before is used as it is.
 */
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { BuildRecord, filesIn, root } from "./build-record.mjs";

/** @typedef {import("rolldown").Plugin} Plugin */

const BIN = "dist/bin";
const builtFile = join(root, BIN, "piipe.js");
/** Everything else that the sources import is a package of its own where it runs. */
const BUNDLED = ["@noble/ciphers", "commander", "pg", "pgpass", "pino", "undici", "yaml", "zod"];

/** @returns {Promise<boolean>} whether the command can be used; what went wrong was printed on stderr */
export async function buildCli() {
  const record = new BuildRecord(".cli-inputs", [...filesIn("src"), "package-lock.json", "tools/build-cli.mjs"]);
  if (existsSync(builtFile) && record.holds()) return true;
  const rolldown = await import("rolldown").catch(() => null);
  if (rolldown === null) {
    if (existsSync(builtFile)) return true;
    console.error("The command is not built and Rolldown is not installed: run `npm ci` first.");
    return false;
  }
  return record.keep(() => bundle(rolldown));
}

/** @param {typeof import("rolldown")} rolldown */
async function bundle({ rolldown }) {
  rmSync(join(root, BIN), { recursive: true, force: true });
  const build = await rolldown({
    cwd: root,
    input: { piipe: "src/cli/main.ts" },
    platform: "node",
    external: isExternal,
    preserveEntrySignatures: false,
    plugins: [placesOfModules, poolAlone, noLookForCloudflare],
    // What is not understood must not become a command that fails where a test does not look.
    onLog(level, { message }) {
      if (level === "warn") throw new Error(`Rolldown: ${message}`);
    },
  });
  const { output } = await build.write({
    dir: BIN,
    format: "esm",
    comments: false,
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
    codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: fileOf(), debugName: "by start" }] },
  });
  await build.close();
  chmodSync(builtFile, 0o755);
  const modules = output.flatMap((each) => (each.type === "chunk" ? each.moduleIds : []));
  writeFileSync(join(root, BIN, "LICENSES.txt"), licencesOf(modules));
}

/**
 * Which modules stand together in a file; of the others each command has its own.
 * - `version`: which main.ts knows by itself
 * - `program`: all that is known before a command is chosen
 * - `run`: what a run loads; most other commands load much of it
 * @returns {import("rolldown").CodeSplittingNameFunction}
 */
function fileOf() {
  const starts = {
    version: join(root, "src/app/package-version.ts"),
    program: join(root, "src/cli/run-process.ts"),
    run: join(root, "src/cli/commands/run.ts"),
  };
  /** @type {Map<string, string> | null} */
  let files = null;
  return (id, context) => {
    if (files === null) {
      files = new Map();
      for (const [name, start] of Object.entries(starts)) {
        const found = new Set([start]);
        // Grows while it is walked.
        for (const each of found) for (const next of context.getModuleInfo(each)?.importedIds ?? []) found.add(next);
        for (const each of found) if (!files.has(each)) files.set(each, name);
      }
    }
    return files.get(id) ?? null;
  };
}

/**
 * @param {string} id
 * @param {string | undefined} importer undefined: of the entry
 */
function isExternal(id, importer) {
  if (importer === undefined || id.startsWith(".") || id.startsWith("/") || id.startsWith("\0")) return false;
  // What a bundled package needs comes with it, but for what it can do without.
  if (importer.includes("/node_modules/")) return id.startsWith("node:") || id === "pg-native";
  return !BUNDLED.some((name) => id === name || id.startsWith(`${name}/`));
}

/**
 * Files of the package lie where they would for a module of its own: `import.meta.url` is that of the module in `dist`.
 * @type {Plugin}
 */
const placesOfModules = {
  name: "places-of-modules",
  transform(code, id) {
    if (!id.startsWith(join(root, "src/")) || !code.includes("import.meta.url")) return null;
    const place = relative(
      join(root, BIN),
      id.replace(join(root, "src/"), join(root, "dist/")).replace(/\.ts$/, ".js"),
    );
    return code.replaceAll("import.meta.url", `new URL(${JSON.stringify(place)}, import.meta.url).href`);
  },
};

/**
 * Of undici the pool of connections alone: the rest, such as `fetch` and WebSocket, is twice as much.
 * @type {Plugin}
 */
const poolAlone = {
  name: "pool-alone",
  resolveId: (id) => (id === "undici" ? "\0undici" : null),
  load(id) {
    if (id !== "\0undici") return null;
    const file = (/** @type {string} */ name) => JSON.stringify(join(root, "node_modules/undici/lib", name));
    return `export { default as Pool } from ${file("dispatcher/pool.js")}; export { default as errors } from ${file("core/errors.js")};`;
  },
};

/**
 * pg asks whether it runs at Cloudflare by making a `Response`. Up to version 20 that makes Node load its own `fetch`, which takes
 * longer than all of pg.
 * @type {Plugin}
 */
const noLookForCloudflare = {
  name: "no-look-for-cloudflare",
  transform(code, id) {
    if (!id.endsWith("/pg/lib/stream.js")) return null;
    const changed = code.replace("typeof Response === 'function'", "false");
    if (changed === code) throw new Error("pg looks for Cloudflare in another way: see tools/build-cli.mjs");
    return changed;
  },
};

/**
 * The packages within, each with its licence: most ask for that.
 * @param {readonly string[]} modules their files
 */
function licencesOf(modules) {
  const folders = new Set(modules.flatMap((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []));
  const packages = [...folders].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const text = file === undefined ? "" : `\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
    return `${name} ${version} (${license})\n${text}`;
  });
  return `The files of this folder hold code of these packages.\n\n${packages.sort().join("\n\n")}`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = (await buildCli()) ? 0 : 1;
}
