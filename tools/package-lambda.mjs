/**
 * `npm run package:lambda -- path/to/piipe.yaml`: deploy/lambda/handler.mjs and all that it needs, with this configuration, in one
 * zip for AWS Lambda: deploy/lambda/piipe-lambda.zip, or where `--out` says. Bundles with esbuild, as AWS's own tools do.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { zipSync } from "fflate";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
const [config = "piipe.yaml"] = positionals;
const zipFile = resolve(values.out ?? `${root}/deploy/lambda/piipe-lambda.zip`);
if (!existsSync(config)) {
  console.error(`${config} does not exist. Name the configuration: npm run package:lambda -- path/to/piipe.yaml`);
  process.exit(2);
}

const { outputFiles } = await build({
  entryPoints: { index: `${root}/deploy/lambda/handler.mjs` },
  outdir: "bundle",
  write: false,
  bundle: true,
  // What only some configurations need is loaded by those.
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  // Of what is loaded on demand, a chunk of CommonJS would have no names.
  mainFields: ["module", "main"],
  outExtension: { ".js": ".mjs" },
  // Names stay, so that a report of a bug can be read.
  minifySyntax: true,
  minifyWhitespace: true,
  // Some packages are CommonJS, and require what Node has.
  banner: { js: 'import{createRequire as __r}from"node:module";const require=__r(import.meta.url);' },
  external: ["@aws-sdk/client-secrets-manager", "pg-native"],
  logLevel: "warning",
});

/** Readable for the function's user, whoever that is. */
const ATTRIBUTES = { os: 3, attrs: 0o10_0644 << 16, level: 9, mtime: new Date(2_020, 0, 1) };
/** @type {import("fflate").Zippable} */
const files = { "piipe.yaml": [readFileSync(config), /** @type {import("fflate").ZipOptions} */ (ATTRIBUTES)] };
for (const { path, contents } of outputFiles) {
  files[basename(path)] = [contents, /** @type {import("fflate").ZipOptions} */ (ATTRIBUTES)];
}
const zip = zipSync(files);
writeFileSync(zipFile, zip);
console.log(
  `${relative(process.cwd(), zipFile)}: ${(zip.length / 1024 / 1024).toFixed(2)} MB, ${Object.keys(files).length} files`,
);
