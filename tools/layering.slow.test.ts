import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Case {
  readonly file: string;
  readonly code: string;
  /** The rule that must refuse the file, or null when the file is as it should be. */
  readonly rule: string | null;
}

const LAYERING = "piipe(layering)";
const stageImports = ["sources", "decode", "mask", "write"].flatMap((stage, _, stages) =>
  stages
    .filter((other) => other !== stage)
    .map((other) => ({
      file: `src/${stage}/imports-${other}.ts`,
      code: `export { other } from "../${other}/other.ts";`,
      rule: LAYERING,
    })),
);

const cases: readonly Case[] = [
  ...stageImports,
  ...[
    ["src/mask/operators/deep.ts", "../../write/other.ts"],
    ["src/decode/engine.ts", "../pipeline/engine.ts"],
    ["src/mask/waits.ts", "../pipeline/condition.ts"],
    ["src/pipeline/engine.ts", "../sources/other.ts"],
    ["src/pipeline/contracts.ts", "./engine.ts"],
    ["src/errors.ts", "./pipeline/contracts.ts"],
    ["src/postgres/stage.ts", "../write/other.ts"],
    ["src/postgres/storage.ts", "../storage/other.ts"],
    ["src/storage/sink.ts", "../write/other.ts"],
    ["src/keys/config.ts", "../config/config.ts"],
    ["src/config/keys.ts", "../keys/keyring.ts"],
    ["src/app/part.ts", "../cli/main.ts"],
    ["src/app/part.ts", "../embedded/other.ts"],
    ["src/config/embedded.ts", "../embedded/other.ts"],
    ["src/index.ts", "./mask/other.ts"],
    ["src/stranger/stranger.ts", "../errors.ts"],
    ["src/decode/package.ts", "pg"],
    ["src/mask/package.ts", "undici"],
    ["src/cli/server.ts", "fauxqs"],
    ["src/cli/session.ts", "../postgres/transaction.ts"],
    ["src/app/part.ts", "commander"],
    ["src/decode/files.ts", "node:fs"],
    ["src/decode/promised-files.ts", "node:fs/promises"],
    ["src/mask/sockets.ts", "node:net"],
    ["src/mask/requests.ts", "node:http"],
    ["src/pipeline/engine.ts", "node:fs"],
    ["src/mask/zip.ts", "node:zlib"],
  ].map(([file = "", target = ""]) => ({ file, code: `export * from "${target}";`, rule: LAYERING })),
  {
    file: "src/mask/connects.ts",
    code: `import { connect, isIP } from "node:net";\nexport const both = [connect, isIP];`,
    rule: LAYERING,
  },
  { file: "src/decode/streams.ts", code: `export { createGunzip } from "node:zlib";`, rule: LAYERING },
  {
    file: "src/mask/lazily.ts",
    code: `export const load = () => import("../write/other.ts");`,
    rule: LAYERING,
  },
  {
    file: "src/mask/by-type.ts",
    code: `export type Other = import("../write/other.ts").Other;`,
    rule: LAYERING,
  },
  {
    file: "src/sources/sqs/value-of-events.ts",
    code: `import { other } from "../../telemetry/events.ts";\nexport const same = other;`,
    rule: LAYERING,
  },
  {
    file: "src/write/own.ts",
    code: "export const text = `SELECT FROM piipe.ledger`;",
    rule: "piipe(sql-in-place)",
  },
  { file: "src/cli/part.ts", code: `export const text = "SELECT 1";`, rule: "piipe(sql-in-place)" },
  { file: "src/storage/own.ts", code: "export const text = `SELECT FROM piipe.ledger`;", rule: null },
  { file: "src/index.ts", code: "export const version = 1;", rule: "piipe(only-re-exports)" },
  { file: "src/pipeline/id.ts", code: "export const id = process.pid;", rule: "eslint(no-restricted-globals)" },
  {
    file: "src/config/environment.ts",
    code: `import { env } from "node:process";\nexport const home = env["HOME"];`,
    rule: "eslint(no-restricted-imports)",
  },
  {
    file: "src/config/sideways.ts",
    code: "export const id = globalThis.process.pid;",
    rule: "eslint(no-restricted-properties)",
  },
  { file: "src/app/part.ts", code: `console.log("here");\nexport {};`, rule: "eslint(no-console)" },
  {
    file: "src/app/part.ts",
    code: `export function parse(text: string): any {\n  return text;\n}`,
    rule: "typescript(no-explicit-any)",
  },
  {
    file: "src/app/part.ts",
    code: `export function forget(): void {\n  Promise.resolve(1);\n}`,
    rule: "typescript(no-floating-promises)",
  },
  { file: "src/app/part.ts", code: "export default 1;", rule: "import(no-default-export)" },
  {
    file: "src/keys/a.ts",
    code: `import { b } from "./b.ts";\nexport const a = (): unknown => b;`,
    rule: "import(no-cycle)",
  },

  {
    file: "src/app/part.ts",
    code: `export * from "../pipeline/engine.ts";\nexport * from "../pipeline/mask/other.ts";`,
    rule: null,
  },
  { file: "src/mask/keys.ts", code: `export * from "../keys/keyring.ts";`, rule: null },
  { file: "src/decode/inflate.ts", code: `export { gunzipSync } from "node:zlib";`, rule: null },
  { file: "src/mask/by-ip.ts", code: `export { isIP } from "node:net";`, rule: null },
  {
    file: "src/mask/is-ip.ts",
    code: `import { isIP } from "node:net";\nexport const is = isIP;`,
    rule: null,
  },
  { file: "src/write/types.ts", code: `export type * from "../telemetry/events.ts";`, rule: null },
  {
    file: "src/write/client.ts",
    code: `export * from "../postgres/pool.ts";`,
    rule: null,
  },
  { file: "src/cli/exit.ts", code: "export const id = process.pid;", rule: null },
  { file: "src/index.ts", code: `export { definePipeline } from "./app/part.ts";`, rule: null },
];

/** A tree of this repository's shape with its lint configuration, and nothing wrong in it. */
function createTree(folder: string): void {
  for (const file of [
    ".oxlintrc.json",
    "tools/oxlint-plugin.mjs",
    "tools/layers.mjs",
    "tsconfig.json",
    "package.json",
  ]) {
    cpSync(join(ROOT, file), join(folder, file));
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  write(folder, "src/keys/b.ts", `import { a } from "./a.ts";\nexport const b = (): unknown => a;`);
}

function write(folder: string, file: string, code: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), `${code}\n`);
}

/** What the linter says of the whole tree, by file: rules in the form `plugin(rule)`. */
function lint(folder: string): ReadonlyMap<string, readonly string[]> {
  const oxlint = join(ROOT, "node_modules/oxlint/bin/oxlint");
  const { stdout, stderr } = spawnSync(process.execPath, [oxlint, "--type-aware", "--format", "json", "src"], {
    cwd: folder,
    encoding: "utf8",
  });
  const rules = new Map<string, string[]>();
  for (const { filename, code } of diagnosticsOf(stdout, stderr)) {
    rules.set(filename, [...(rules.get(filename) ?? []), code]);
  }
  return rules;
}

interface Diagnostic {
  readonly filename: string;
  readonly code: string;
}

function diagnosticsOf(stdout: string, stderr: string): readonly Diagnostic[] {
  try {
    return (JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] }).diagnostics;
  } catch {
    throw new Error(`oxlint gave no report: ${stdout}${stderr}`);
  }
}

/** A run of the linter takes half a second: cases of different files share one. */
function roundsOf(all: readonly Case[]): readonly (readonly Case[])[] {
  const rounds: Case[][] = [];
  for (const each of all) {
    const round = rounds.find((candidates) => candidates.every(({ file }) => file !== each.file));
    if (round === undefined) rounds.push([each]);
    else round.push(each);
  }
  return rounds;
}

describe("the linter", () => {
  const found = new Map<Case, readonly string[]>();
  beforeAll(() => {
    for (const round of roundsOf(cases)) {
      const folder = mkdtempSync(join(tmpdir(), "piipe-layering-"));
      try {
        createTree(folder);
        for (const { file, code } of round) write(folder, file, code);
        const rules = lint(folder);
        for (const each of round) found.set(each, rules.get(each.file) ?? []);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  });

  it.each(cases.filter(({ rule }) => rule !== null))("refuses $file: $code", (each) => {
    expect(found.get(each)).toContain(each.rule);
  });

  it.each(cases.filter(({ rule }) => rule === null))("accepts $file: $code", (each) => {
    expect(found.get(each)).toEqual([]);
  });
});
