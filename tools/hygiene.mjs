/**
 * Refuses what must not be in a tracked file: the address of a package registry (the reader's own configuration says
 * where packages come from) and paths of a developer's machine.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Written so that this file does not refuse itself.
const FORBIDDEN = [
  {
    pattern: /\bregistry\.(?:npmjs|yarnpkg|npmmirror)\.|\/(?:npm|api\/npm)\/[^\s"']+\/-\/|"resolved":\s*"https?:/,
    what: "a registry's address",
  },
  { pattern: /_auth(?:Token)?\s*=|\/\/[^\s:/]+:[^\s@/$]+@[^\s]*\/npm/, what: "a registry's credentials" },
  { pattern: /(?<![\w.$}/-])\/(?:Users|home|root|work|workspaces?)\/[\w.-]+/, what: "a path of one machine" },
  { pattern: /\b[A-Z]:\\Users\\/, what: "a path of one machine" },
];

const root = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url));
const { stdout } = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
});
const files = stdout.split("\0").filter((file) => file !== "");
if (files.length === 0) {
  console.error("hygiene: git lists no files; run this in a clone.");
  process.exit(1);
}

let found = 0;
for (const file of files) {
  const text = read(file);
  for (const [index, line] of text.split("\n").entries()) {
    for (const { pattern, what } of FORBIDDEN) {
      if (!pattern.test(line)) continue;
      found += 1;
      console.error(`${file}:${index + 1}: ${what}`);
    }
  }
}
console.log(`hygiene: ${files.length} files, ${found} found`);
process.exitCode = found === 0 ? 0 : 1;

/** @param {string} file */
function read(file) {
  try {
    const text = readFileSync(join(root, file), "utf8");
    return text.includes("\0") ? "" : text;
  } catch {
    // Listed, but deleted in the working tree.
    return "";
  }
}
