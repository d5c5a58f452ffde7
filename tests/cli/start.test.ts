import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProcess } from "../support/cli.ts";

/**
 * What a command costs before it does anything is what it loads: each of Node's modules takes a millisecond. Here the files are
 * counted, as a time would judge the machine.
 */
describe("a start of piipe", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "piipe-start-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The files of dist/bin that a command loads, without the hashes in their names, and the packages. */
  async function loadedBy(args: readonly string[], columns: object = { a: { type: "text" } }) {
    const list = join(folder, "loaded");
    await writeFile(list, "");
    await writeFile(
      join(folder, "piipe.yaml"),
      JSON.stringify({
        source: { sqs: { queue: "q", region: "eu-west-1", endpoint: "http://127.0.0.1:9" } },
        sink: { postgres: { url: "postgres://127.0.0.1:9/x", table: "t" } },
        columns,
      }),
    );
    const { stderr } = await runProcess(args, { folder, nodeArguments: ["--import", noting(list)] });
    expect(stderr).not.toContain("[bug]");
    const paths = (await readFile(list, "utf8")).trim().split("\n");
    const packages = paths.flatMap((path) => /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
    const files = paths.filter((path) => path.includes("/dist/"));
    const names = files.map((path) => basename(path, ".js").replace(/-[\w-]{8}$/, ""));
    return { files: [...new Set(names)].toSorted(), packages: [...new Set(packages)] };
  }

  it("for its version loads two files", async () => {
    expect(await loadedBy(["version"])).toEqual({ files: ["piipe", "version"], packages: [] });
  });

  it("for its help loads no command", async () => {
    const { files, packages } = await loadedBy(["--help"]);
    expect(files).toEqual(["piipe", "program", "rolldown-runtime", "run-process", "version"]);
    expect(packages).toEqual([]);
  });

  it("for a run loads one file more, and no package before it asks AWS", async () => {
    const { files, packages } = await loadedBy(["run"]);
    expect(files).toEqual(["piipe", "program", "rolldown-runtime", "run", "run-process", "version"]);
    expect(packages).toEqual([]);
  });

  it("loads the library of phone numbers where a column has them, and nowhere else", async () => {
    expect((await loadedBy(["mask"])).packages).toEqual([]);
    expect((await loadedBy(["mask"], { a: { type: "phone" } })).packages).toEqual(["libphonenumber-js"]);
  });
});

/** Writes down the path of each module that is loaded: of those that are imported, and of those that are required. */
function noting(list: string): string {
  const note = `import { appendFileSync } from "node:fs";
const note = (path) => appendFileSync(${JSON.stringify(list)}, path + "\\n");`;
  const loader = `${note}
export async function load(url, context, next) {
  if (url.startsWith("file:")) note(url);
  return next(url, context);
}`;
  return asUrl(`${note}
import Module, { register } from "node:module";
register(${JSON.stringify(asUrl(loader))});
process.on("exit", () => {
  for (const path of Object.keys(Module._cache)) note(path);
});`);
}

const asUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
