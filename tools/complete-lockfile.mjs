/**
 * Adds to package-lock.json the optional packages of other platforms that `npm install` left out. npm omits those that
 * the registry in use does not carry (mirrors often lack rare platforms), and then `npm ci` refuses its own lockfile as
 * incomplete. They are needed by name and version only: npm never installs a package of another platform.
 * Run after every `npm install` that changes the lockfile; changes nothing when nothing is missing.
 */
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../package-lock.json", import.meta.url);
const PLATFORM =
  /(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|ia32|loong64|ppc64|riscv64|s390x|x64)(?:-(gnu|musl|msvc|eabi))?/;

/**
 * @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[],
 *   optionalDependencies?: Record<string, string> }} LockedPackage
 */
const lock = /** @type {{ packages: Record<string, LockedPackage> }} */ (JSON.parse(readFileSync(FILE, "utf8")));
let added = 0;
for (const [path, parent] of Object.entries(lock.packages)) {
  if (path === "") continue;
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] !== undefined || lock.packages[`${path}/${key}`] !== undefined) continue;
    const [, os, cpu, abi] = PLATFORM.exec(name) ?? [];
    if (os === undefined || cpu === undefined || !/^\d/.test(version)) {
      console.error(`${name}@${version}, of ${path}, is missing and names no platform: look at it by hand.`);
      process.exitCode = 1;
      continue;
    }
    const libc = os === "linux" ? { gnu: ["glibc"], musl: ["musl"] }[abi ?? ""] : undefined;
    lock.packages[key] = {
      version,
      cpu: [cpu],
      ...(parent.dev === true && { dev: true }),
      optional: true,
      os: [os],
      ...(libc !== undefined && { libc }),
    };
    added += 1;
  }
}
if (added > 0) {
  const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(FILE, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
}
console.error(`package-lock.json: ${added} packages of other platforms added`);
