/** Installs the peers into this folder when they are missing or not those of the lockfile. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
/** Which lockfile the packages are of: npm's own record of what it installed leaves no such trace. */
const stampFile = `${folder}node_modules/.installed-lockfile`;

/** @param {(text: string) => void} say */
export function installPeers(say) {
  const digest = createHash("sha256")
    .update(readFileSync(`${folder}package-lock.json`))
    .digest("hex");
  if (stampOf() === digest) return;
  say("installing the peers");
  const { status, stdout, stderr } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`\`npm ci\` in bench/ failed; it needs the package registry:\n${stdout}${stderr}`);
  writeFileSync(stampFile, digest);
}

function stampOf() {
  try {
    return readFileSync(stampFile, "utf8");
  } catch {
    return null;
  }
}
