import { chmod, copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { LOGIN_COLUMNS } from "../support/login-pipeline.ts";

let folder: string;
const event = {
  user_id: "u1",
  app_version: "2.3.0",
  device_type: "ios",
  ip: "203.0.113.7",
  locale: null,
  device_id: "912-34-5678",
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  await writeFile(
    join(folder, "piipe.yaml"),
    `source: { sqs: { queue: unused } }
sink: { postgres: { url: "postgres://unused@localhost/unused", table: user_logins } }
keys: { file: ./piipe.keys.json }
columns:${LOGIN_COLUMNS}`,
  );
  await runCli(["keys", "new"], { folder });
});
afterAll(() => rm(folder, { recursive: true }));

describe("piipe keys new", () => {
  it("writes a keyring and a private file that only their owner can read", async () => {
    for (const name of ["piipe.keys.json", "piipe.private.json"]) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    }
  });

  it("never overwrites, and prints no key", async () => {
    const before = await readFile(join(folder, "piipe.keys.json"), "utf8");
    const { code, stdout, stderr } = await runCli(["keys", "new"], { folder });
    expect(code).toBe(3);
    expect(stderr).toContain("[keys.exists]");
    expect(await readFile(join(folder, "piipe.keys.json"), "utf8")).toBe(before);
    const { versions } = JSON.parse(before) as { versions: Array<{ root: string }> };
    expect(stdout + stderr).not.toContain(versions[0]?.root);
  });

  it("fails in a folder that is not there", async () => {
    const { code, stderr } = await runCli(
      ["keys", "new", "--file", "nowhere/a.json", "--private-file", "nowhere/b.json"],
      { folder },
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/nowhere.*cannot be written.*\[usage\.invalid\]/);
  });
});

describe("piipe mask", () => {
  it("masks NDJSON from stdin to stdout, equal values to equal tokens, and names what it refuses", async () => {
    const lines = [
      JSON.stringify(event),
      JSON.stringify({ ...event, user_id: "u2" }),
      "",
      JSON.stringify({ ...event, ip: "999.1.1.1" }),
      "{not json",
    ];
    const { code, stdout, stderr } = await runCli(["mask"], { folder, stdin: lines.join("\n") });
    expect(code).toBe(0);
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records).toHaveLength(2);
    expect(records[0]).toMatchObject({
      user_id: "u1",
      masked_ip: expect.stringMatching(/^h1_[\w-]{43}$/),
      locale: null,
      app_version: 2_003_000,
    });
    expect(records[1]?.["masked_ip"]).toBe(records[0]?.["masked_ip"]);
    expect(stderr).toBe(
      "line 4: field.format at ip (expected an IP address, found other text)\nline 5: body.not-json\nmasked 2 lines, refused 2\n",
    );
    expect(stdout).not.toContain(event.ip);
  });

  it("warns at the end of what a run would warn of, once for each kind, and tells no value", async () => {
    const columns = `${LOGIN_COLUMNS}\n  note: { type: text, nullable: true }\n`;
    const noted = await mkdtemp(join(tmpdir(), "piipe-test-"));
    const config = await readFile(join(folder, "piipe.yaml"), "utf8");
    await writeFile(join(noted, "piipe.yaml"), config.replace(LOGIN_COLUMNS, columns));
    await copyFile(join(folder, "piipe.keys.json"), join(noted, "piipe.keys.json"));
    const lines = ["a@shop.example", "b@shop.example", "192.0.2.99"].map((note, index) =>
      JSON.stringify({ ...event, note, [`field-${index}`]: 1 }),
    );
    const { code, stderr } = await runCli(["mask"], { folder: noted, stdin: lines.join("\n") });
    await rm(noted, { recursive: true });
    const suspected = (kind: string) =>
      `warning: column note is stored as it is, and values look like personal data (${kind}): mask it, or say \`piiDetection: off\``;
    expect(code).toBe(0);
    expect(stderr.trimEnd().split("\n").toSorted()).toEqual([
      "masked 3 lines, refused 0",
      suspected("email"),
      suspected("ipv4"),
      "warning: events have fields that no column declares (different ones so far: 3); they are not stored",
    ]);
    expect(stderr.trimEnd().endsWith("refused 0")).toBe(true);
  });

  it.each([1, 60, 150])("exits with 5 when all of %d lines are refused", async (lines) => {
    const { code, stderr } = await runCli(["mask"], { folder, stdin: `{"foo":1}\n`.repeat(lines) });
    expect(code).toBe(5);
    expect(stderr).toContain("[data.beyond-limit]");
  });

  it("refuses to work without a key: no unkeyed fallback", async () => {
    const other = await mkdtemp(join(tmpdir(), "piipe-test-"));
    await writeFile(join(other, "piipe.yaml"), await readFile(join(folder, "piipe.yaml")));
    const { code, stdout, stderr } = await runCli(["mask"], { folder: other, stdin: JSON.stringify(event) });
    await rm(other, { recursive: true });
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain("[keys.missing]");
    expect(stderr).toContain("piipe keys new");
  });

  it("refuses a keyring that others can read", async () => {
    const file = join(folder, "piipe.keys.json");
    await chmod(file, 0o644);
    const { code, stderr } = await runCli(["mask"], { folder, stdin: JSON.stringify(event) });
    await chmod(file, 0o600);
    expect(code).toBe(3);
    expect(stderr).toContain("[keys.unsafe]");
    expect(stderr).toContain("chmod 600");
  });
});
