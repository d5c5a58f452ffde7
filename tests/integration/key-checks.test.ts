import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import { keyChecksOf } from "../../src/mask/key-checks.ts";
import type { Column } from "../../src/pipeline/contracts.ts";
import { type PostgresPool, openPool } from "../../src/postgres/connection.ts";
import {
  compareKeys,
  describeMalformedChecks,
  describeOtherTypes,
  noteKeys,
} from "../../src/storage/rotation/key-checks.ts";
import { migrate } from "../../src/storage/schema/migrations.ts";
import { runCli } from "../support/cli.ts";
import { keyringOf } from "../support/keyring-of.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { type TestDatabase, createTestDatabase, query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";
import { testColumn } from "../support/test-column.ts";

const TOKEN: readonly Column[] = [testColumn({ name: "token", type: "text", mask: "hmac-sha256" })];
const MISMATCH = { code: "keys.mismatch" };

describe("the keys that made the stored tokens", () => {
  let database: TestDatabase;
  let pool: PostgresPool;
  beforeAll(async () => {
    database = await createTestDatabase();
    pool = openPool({ url: new Secret(database.url), connectionsMax: 4 });
  });
  afterAll(async () => {
    await pool.close();
    await database.drop();
  });

  test("are not known to a database without piipe's own tables", async () => {
    await expect(compareKeys(pool, keyChecksOf(TOKEN, keyringOf({ 1: "primary" }), "a"))).resolves.toBeUndefined();
    await migrate(pool);
  });

  test("are noted once, and another root of the same number is refused from then on, by column and domain", async () => {
    const first = keyringOf({ 1: "primary" });
    const second = keyringOf({ 1: "primary" }, {}, "other");
    await noteKeys(pool, keyChecksOf(TOKEN, first, "logins"));
    await noteKeys(pool, keyChecksOf(TOKEN, first, "logins"));
    expect(
      await query(database.url, "SELECT domain, column_name, mask, version FROM piipe.key_checks ORDER BY 3"),
    ).toEqual(
      ["hmac-sha256", "type text"].map((mask) => ({ domain: "logins", column_name: "token", mask, version: 1 })),
    );
    await expect(compareKeys(pool, keyChecksOf(TOKEN, second, "logins"))).rejects.toMatchObject({
      ...MISMATCH,
      hint: expect.stringContaining("WHERE domain = 'logins' AND column_name = 'token' AND mask = 'hmac-sha256'."),
    });
    await expect(noteKeys(pool, keyChecksOf(TOKEN, second, "logins"))).rejects.toMatchObject(MISMATCH);
    await noteKeys(pool, keyChecksOf(TOKEN, second, "orders"));
    await noteKeys(
      pool,
      keyChecksOf([testColumn({ name: "other", type: "text", mask: "hmac-sha256" })], second, "logins"),
    );
  });

  test("are compared with nothing that no piipe wrote, which is told", async () => {
    const columns = (keyVersion: number | null): readonly Column[] => [
      testColumn({ name: "forged", type: "text", mask: "hmac-sha256" }),
      testColumn({ name: "address", type: "ip", mask: "ipcrypt-pfx", keyVersion }),
    ];
    const before = keyChecksOf(columns(null), keyringOf({ 1: "primary" }), "forged");
    await noteKeys(pool, before);
    expect(await describeMalformedChecks(pool, before)).toBeNull();
    const long = "0123456789abcdef".repeat(100_000);
    await query(
      database.url,
      `INSERT INTO piipe.key_checks (domain, column_name, mask, version, check_value) VALUES
       ('forged', 'forged', 'hmac-sha256', 2, 'x'), ('forged', 'forged', 'hmac-sha256', 3, ''),
       ('forged', 'forged', 'hmac-sha256', 4, $1), ('forged', 'address', 'ipcrypt-pfx', 2, 'ABCDEF0123456789ABCDEF0123456789'),
       ('forged', 'address', 'ipcrypt-pfx', 0, repeat('0', 32)), ('forged', 'address', 'ipcrypt-pfx', 99999, repeat('0', 32)),
       ('forged', 'elsewhere', 'hmac-sha256', 2, 'x')`,
      [long],
    );
    const after = keyChecksOf(
      columns(1),
      keyringOf({ 1: "linking", 2: "primary", 3: "pending", 4: "pending" }),
      "forged",
    );
    await noteKeys(pool, after);
    await compareKeys(pool, after);
    expect(await describeMalformedChecks(pool, after)).toMatchObject({
      text: expect.stringContaining("(6)"),
      hint: expect.stringContaining("DELETE FROM piipe.key_checks"),
    });
  });

  test("are told apart from the type that values were masked as: another one is told, until it is deleted", async () => {
    const keyring = keyringOf({ 1: "linking", 2: "primary" });
    const of = (type: Column["type"], domain = "typed") =>
      keyChecksOf([testColumn({ name: "address", type, mask: "hmac-sha256" })], keyring, domain);
    await noteKeys(pool, of("text"));
    expect(await describeOtherTypes(pool, of("text"))).toEqual([]);
    expect(await describeOtherTypes(pool, of("ip", "another"))).toEqual([]);
    const told = {
      text: expect.stringContaining("values of column address were masked as text before, and are masked as ip now"),
      hint: expect.stringMatching(
        /`type: text`.*DELETE .* domain = 'typed' AND column_name = 'address' AND mask = 'type text'/,
      ),
    };
    // Nobody has masked as the new type yet, then somebody has.
    expect(await describeOtherTypes(pool, of("ip"))).toEqual([told]);
    await noteKeys(pool, of("ip"));
    await noteKeys(pool, of("ip"));
    expect(await describeOtherTypes(pool, of("ip"))).toEqual([told]);
    // No piipe wrote that.
    await query(
      database.url,
      `INSERT INTO piipe.key_checks (domain, column_name, mask, version, check_value)
       VALUES ('typed', 'address', 'type ' || chr(27), 1, repeat('0', 32))`,
    );
    await query(database.url, "DELETE FROM piipe.key_checks WHERE domain = 'typed' AND mask = 'type text'");
    expect(await describeOtherTypes(pool, of("ip"))).toEqual([]);
    expect(await describeOtherTypes(pool, of("text"))).toMatchObject([{ hint: expect.stringContaining("`type: ip`") }]);
  });

  test("may be several where tokens show their version, each compared", async () => {
    const rotated = keyringOf({ 1: "linking", 2: "primary" });
    await noteKeys(pool, keyChecksOf(TOKEN, rotated, "logins"));
    const exchanged = keyringOf({ 1: "lookup", 3: "primary" }, {}, "other");
    await expect(compareKeys(pool, keyChecksOf(TOKEN, exchanged, "logins"))).rejects.toMatchObject({
      ...MISMATCH,
      message: expect.stringContaining("version 1 "),
    });
  });

  test("may be one only where tokens do not show it", async () => {
    const keyring = keyringOf({ 1: "linking", 2: "primary" });
    const pinned = (keyVersion: number): readonly Column[] => [
      testColumn({ name: "address", type: "ip", mask: "ipcrypt-pfx", keyVersion }),
    ];
    await noteKeys(pool, keyChecksOf(pinned(1), keyring, "logins"));
    await noteKeys(pool, keyChecksOf(pinned(1), keyring, "logins"));
    await expect(noteKeys(pool, keyChecksOf(pinned(2), keyring, "logins"))).rejects.toMatchObject({
      ...MISMATCH,
      hint: expect.stringContaining("`keyVersion: 1`"),
    });
  });

  test("of two workers with different keyrings that start at once, one is refused", async () => {
    const keyrings = ["a", "b", "c", "d"].map((owner) => keyringOf({ 1: "primary" }, {}, owner));
    const starts = await Promise.allSettled(
      keyrings.map((keyring) => noteKeys(pool, keyChecksOf(TOKEN, keyring, "together"))),
    );
    expect(starts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("are not told by what is noted", () => {
    const [keys] = keyChecksOf(TOKEN, keyringOf({ 1: "primary" }), "logins");
    const [other] = keyChecksOf(TOKEN, keyringOf({ 1: "primary" }, {}, "other"), "logins");
    expect(keys?.active?.value).toMatch(/^[0-9a-f]{32}$/);
    expect(other?.active?.value).not.toBe(keys?.active?.value);
  });
});

describe("a pipeline with another keyring", () => {
  const sqs = testSqs();
  beforeAll(async () => {});

  test("does not start, finds nothing and checks red; with the keyring of before it goes on", async () => {
    const pipeline = await createLoginPipeline(sqs);
    const { folder } = pipeline;
    const file = join(folder, "piipe.keys.json");
    try {
      await sqs.send(pipeline.queue.url, loginEvents(5));
      expect((await runCli(["run", "--until-empty"], pipeline)).code).toBe(0);
      await copyFile(file, join(folder, "before.json"));
      await rm(file);
      await rm(join(folder, "piipe.private.json"));
      await runCli(["keys", "new"], pipeline);
      await sqs.send(pipeline.queue.url, loginEvents(5));
      for (const args of [
        ["run", "--until-empty"],
        ["check"],
        ["lookup", "ip", "192.0.2.1"],
        ["erase", "ip", "192.0.2.1", "--yes"],
      ]) {
        const { code, stdout, stderr } = await runCli(args, pipeline);
        expect([args[0], code]).toEqual([args[0], 3]);
        expect(stdout + stderr).toContain("[keys.mismatch]");
      }
      expect(await pipeline.rows()).toBe(5);
      await copyFile(join(folder, "before.json"), file);
      expect((await runCli(["run", "--until-empty"], pipeline)).code).toBe(0);
      expect(await pipeline.rows()).toBe(10);
    } finally {
      await pipeline.remove();
    }
  });

  test("of another type of a masked column is warned of by a check, and when a run starts", async () => {
    const pipeline = await createLoginPipeline(sqs);
    try {
      await sqs.send(pipeline.queue.url, loginEvents(5));
      expect((await runCli(["run", "--until-empty"], pipeline)).stderr).not.toContain("masked as");
      expect((await runCli(["check"], pipeline)).stdout).not.toContain("masked as");
      const file = join(pipeline.folder, "piipe.yaml");
      const text = await readFile(file, "utf8");
      const changed = text.replace("{ from: ip, type: ip, mask", "{ from: ip, type: text, mask");
      expect(changed).not.toBe(text);
      await writeFile(file, changed);
      const warning = "values of column masked_ip were masked as ip before, and are masked as text now";
      const check = await runCli(["check", "--json"], pipeline);
      expect(check.code).toBe(0);
      expect((JSON.parse(check.stdout) as { findings: unknown[] }).findings).toContainEqual(
        expect.objectContaining({ subject: "keys", level: "warning", text: expect.stringContaining(warning) }),
      );
      const run = await runCli(["run", "--until-empty"], pipeline);
      expect({ code: run.code, isWarned: run.stderr.includes(warning) }).toEqual({ code: 0, isWarned: true });
      expect((await runCli(["check"], pipeline)).stdout).toContain(warning);
    } finally {
      await pipeline.remove();
    }
  });

  test("of a user who may not note its keys ends at once, though the queue is open by then", async () => {
    const pipeline = await createLoginPipeline(sqs);
    const role = await createTestRole(pipeline.databaseUrl);
    try {
      await query(
        pipeline.databaseUrl,
        `GRANT USAGE ON SCHEMA piipe TO ${role.name};
         GRANT SELECT ON piipe.migrations, piipe.key_checks TO ${role.name};
         GRANT INSERT ON user_logins TO ${role.name}`,
      );
      const { code, signal, stderr } = await runCli(["run", "--until-empty"], {
        folder: pipeline.folder,
        environment: { ...pipeline.environment, DATABASE_URL: role.url },
      });
      expect({ code, signal }).toEqual({ code: 4, signal: null });
      expect(stderr).toContain("[database.denied]");
    } finally {
      await role.drop();
      await pipeline.remove();
    }
  });
});
