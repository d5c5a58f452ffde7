import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";

let clone: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "piipe-hygiene-"));
  spawnSync("git", ["init", "--quiet"], { cwd: clone });
});
afterEach(() => rmSync(clone, { recursive: true, force: true }));

function hygiene(line: string) {
  writeFileSync(join(clone, "file.txt"), `first\n${line}\n`);
  const { status, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL("hygiene.mjs", import.meta.url)), clone],
    {
      encoding: "utf8",
    },
  );
  return { status, stderr: stderr.trim() };
}

// In pieces: this file is looked at as well.
it.each([
  [["https://registry", ".npmjs.org/"], "a registry's address"],
  [['"resolved"', ': "https://packages.example/pg.tgz"'], "a registry's address"],
  [["https://packages.example/npm", "/mirror/pg/-/pg-8.tgz"], "a registry's address"],
  [["//packages.example/:_auth", "Token=abc"], "a registry's credentials"],
  [["see /home", "/someone/piipe"], "a path of one machine"],
  [["open '/Users", "/someone/piipe'"], "a path of one machine"],
  [["C:\\Users", "\\someone"], "a path of one machine"],
])("refuses %j", (pieces, what) => {
  expect(hygiene(pieces.join(""))).toEqual({ status: 1, stderr: `file.txt:2: ${what}` });
});

it.each(["https://example.com/home/page", "${HOME}/work/files", "./work/files", "an npm package", "docs/root/of.md"])(
  "accepts %s",
  (line) => expect(hygiene(line)).toEqual({ status: 0, stderr: "" }),
);
