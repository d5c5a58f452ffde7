import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliOptions, runCli, runProcess } from "../support/cli.ts";

let folder: string;
let options: CliOptions;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-demo-"));
  // As root, PostgreSQL runs as another user, who must get in.
  await chmod(folder, 0o755);
  options = { folder, environment: { TMPDIR: folder } };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("piipe demo", () => {
  it("shows what became of the sample events, ends by itself, and leaves nothing behind", async () => {
    const { code, stdout, stderr } = await runProcess(["demo"], options);
    expect(code).toBe(0);
    expect(stderr).toContain("✓ 99 stored, 1 quarantined, 100 deleted from the queue");
    expect(stdout).toContain("h1_");
    expect(stdout).toContain("field.missing");
    expect(stdout).not.toMatch(/\b\d{1,3}(\.\d{1,3}){3}\b/);
    expect(stderr).not.toContain("\u001b");
    expect(await readdir(folder)).toEqual([]);
  });

  it("that cannot start its servers fails with what happened and what to do", async () => {
    const { code, stdout, stderr } = await runCli(["demo", "--json"], {
      folder,
      environment: { TMPDIR: join(folder, "missing") },
    });
    expect(code).toBe(4);
    expect(stdout).toMatch(/^\{.*\}\n$/);
    const { error } = JSON.parse(stdout) as { error: { code: string; hint: string | null } };
    expect(stderr).toContain(`[${error.code}]`);
    expect(error.hint).not.toBeNull();
  });
});
