import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findProgram, runProgram } from "../support/programs.ts";
import { listAt, valueAt } from "../support/value-at.ts";

const ROOT = new URL("../../", import.meta.url);
const FOLDER = new URL(".github/workflows/", ROOT);
const files = await readdir(FOLDER);
const read = async (path: string, base = FOLDER): Promise<string> => readFile(new URL(path, base), "utf8");

const workflow = async (name: string): Promise<unknown> => parse(await read(name));

it.each(files)("%s pins every action to a commit, and may no more than read by default", async (file) => {
  const text = await read(file);
  for (const [, used = ""] of text.matchAll(/uses: (.+)/g)) {
    if (!used.startsWith("./")) expect(used).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  }
  expect(valueAt(await workflow(file), "permissions")).toEqual({ contents: "read" });
});

it("checks on the oldest Node that package.json names and on the newest two that are kept for long", async () => {
  const { engines } = JSON.parse(await read("package.json", ROOT)) as { engines: { node: string } };
  expect(valueAt(await workflow("check.yml"), "jobs.check.strategy.matrix.node")).toEqual(["20", "22", "24"]);
  expect(engines.node).toBe(">=20.19.0");
});

it("releases what was checked: the package with provenance, images of both kinds with their contents", async () => {
  const release = await workflow("release.yml");
  for (const job of ["package", "image"]) expect(valueAt(release, `jobs.${job}.needs`)).toBe("check");
  expect(valueAt(release, "jobs.package.permissions")).toEqual({ contents: "read", "id-token": "write" });
  expect(listAt(release, "jobs.image.steps").at(-1)).toMatchObject({
    with: { platforms: "linux/amd64,linux/arm64", sbom: true, provenance: "mode=max" },
  });
  const dockerfile = await read("Dockerfile", ROOT);
  for (const image of listAt(release, "jobs.image.strategy.matrix.include")) {
    expect(dockerfile).toContain(` AS ${String(valueAt(image, "target"))}\n`);
  }
});

it("runs only scripts that package.json has", async () => {
  const { scripts } = JSON.parse(await read("package.json", ROOT)) as { scripts: Readonly<Record<string, string>> };
  const text = (await Promise.all(files.map((file) => read(file)))).join("\n");
  for (const [, script = ""] of text.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty(script);
});

describe.skipIf(findProgram("actionlint") === null)("actionlint (needs Go's github.com/rhysd/actionlint)", () => {
  it("finds nothing wrong", async () => {
    const paths = files.map((file) => fileURLToPath(new URL(file, FOLDER)));
    expect(await runProgram("actionlint", paths)).toMatchObject({ code: 0, output: "" });
  });
});
