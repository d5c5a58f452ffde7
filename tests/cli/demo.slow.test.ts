import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliOptions, runCli, startCli } from "../support/cli.ts";
import { watchEvents } from "../support/event-stream.ts";

const LANDED = {
  sent: 100,
  received: 100,
  stored: 99,
  quarantined: 1,
  skipped: 0,
  duplicate: 0,
  left: 0,
  deleted: 100,
};

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
  it("prints one JSON object for a program", async () => {
    const { code, stdout } = await runCli(["demo", "--json"], options);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stdout)).toEqual({ ...LANDED, elapsedMs: expect.any(Number) });
  });

  it("ends at Ctrl-C, says so in JSON as well, and leaves nothing behind", async () => {
    const demo = startCli(["demo", "--json"], options);
    await demo.printed("the queue are up");
    demo.process.kill("SIGINT");
    const { code, stdout, stderr } = await demo.ended;
    expect(code).toBe(130);
    expect(stderr).toContain("[interrupted]");
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ sent: expect.any(Number), error: { code: "interrupted" } });
    expect(await readdir(folder)).toEqual([]);
  });

  it("leaves nothing behind when its terminal is closed while it serves", async () => {
    const demo = startCli(["demo", "--serve"], options);
    await demo.printed("Everything stays up until Ctrl-C");
    expect(await readdir(folder)).toContain("piipe-demo");
    demo.process.kill("SIGHUP");
    expect((await demo.ended).code).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  });

  it("stays up with --serve until Ctrl-C: what it says can be done meanwhile works, and its dashboard shows what it landed", async () => {
    const demo = startCli(["demo", "--serve"], options);
    await demo.printed("Everything stays up until Ctrl-C");
    await demo.printed("reading arn:aws:sqs:");
    const look = async (command: string) => {
      const [line] = demo
        .stderr()
        .replaceAll("\\\n", " ")
        .split("\n")
        .filter((text) => text.includes(`npx piipe ${command}`));
      const args = line?.trim().split(/\s+/).slice(2) ?? [];
      const environment = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
      return runCli(command === "quarantine show" ? args : [...args, "--json"], { folder, environment });
    };
    expect(JSON.parse((await look("status")).stdout)).toMatchObject({
      depth: { ok: true },
      workers: { value: [{ state: "running" }] },
      quarantine: { value: { pending: 1 } },
    });
    const [, origin = "", token = ""] = /(http:\S+)\/\?token=(\S+)/.exec(demo.stderr()) ?? [];
    const stream = await watchEvents(`${origin}/api/stream`, { authorization: `Bearer ${token}` });
    const { data } = await stream.find("a tick", ({ event }) => event === "tick");
    expect(data).toMatchObject({
      snapshot: { workers: { value: [{ figures: { received: 100, stored: 99, quarantined: 1 } }] } },
    });
    stream.close();
    const { stdout } = await look("duplicates");
    expect(JSON.parse(stdout)).toHaveProperty("columns");
    const opened = await look("quarantine show");
    expect(opened.code).toBe(0);
    expect(Object.keys(JSON.parse(opened.stdout) as object)).not.toContain("user_id");
    demo.process.kill("SIGINT");
    const { code, stderr } = await demo.ended;
    expect(code).toBe(0);
    for (const word of ["psql", "export DATABASE_URL=", "curl"]) expect(stderr).toContain(word);
    expect(await readdir(folder)).toEqual([]);
  });
});
