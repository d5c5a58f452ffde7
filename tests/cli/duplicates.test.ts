import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CliResult, LOCAL_AWS, runCli } from "../support/cli.ts";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";

const IP = "h1_ip".padEnd(46, "A");
const OLD_DEVICE = "h1_device".padEnd(46, "B");
const DEVICE = "h2_device".padEnd(46, "C");
const OWN_DEVICE = "h2_own".padEnd(46, "D");

const COLUMNS = `
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }
  masked_device_id: { from: device_id, type: text, mask: hmac-sha256, nullable: true }
  network: { from: ip, type: ip, mask: generalize, nullable: true }
  name: { type: text, mask: redact, nullable: true }
  birthday: { type: text, mask: drop }
  logged_in: { type: timestamp, nullable: true }
  create_date: { from: "@sent_at", type: date }
`;

let database: TestDatabase;
let folder: string;
let environment: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  environment = { DATABASE_URL: database.url };
  await writeConfig("piipe.yaml", COLUMNS);
  const { code, stderr } = await runCli(["migrate"], { folder, environment });
  if (code !== 0) throw new Error(stderr);
  await query(
    database.url,
    `INSERT INTO user_logins (user_id, masked_ip, masked_device_id, logged_in, create_date) VALUES
     ('u1', $1, $2, '2026-01-01T10:00:00Z', '2026-01-01'), ('u2', $1, $3, '2026-01-02T10:00:00Z', '2026-01-02'),
     ('u3', $1, $4, NULL, '2026-01-03'), ('u3', 'h1_once', $4, NULL, '2026-01-04')`,
    [IP, OLD_DEVICE, DEVICE, OWN_DEVICE],
  );
  await query(
    database.url,
    "INSERT INTO piipe.key_links (column_name, old_token, new_token, domain) VALUES ('masked_device_id', $1, $2, 'user_logins')",
    [OLD_DEVICE, DEVICE],
  );
});

afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

function writeConfig(file: string, columns: string, table = "user_logins", queue = "unused"): Promise<void> {
  return writeFile(
    join(folder, file),
    `source: { sqs: { queue: ${queue} } }
sink: { postgres: { url: "\${DATABASE_URL}", table: ${table} } }
columns:${columns}`,
  );
}

// Without a keyring: tokens are counted as they stand.
const duplicates = (...args: readonly string[]): Promise<CliResult> =>
  runCli(["duplicates", ...args], { folder, environment });

async function duplicatesJson(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await duplicates(...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe("piipe duplicates", () => {
  it("shows examples first in its help", async () => {
    const { code, stdout, stderr } = await duplicates("--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.startsWith("Examples:\n  ")).toBe(true);
    expect(stdout).toContain("Usage: piipe duplicates");
  });

  it("prints an aligned table for each column, most users first, and totals; nothing else without a terminal", async () => {
    const { code, stdout, stderr } = await duplicates();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const line = "─".repeat(46);
    expect(stdout).toBe(
      `masked_ip: 1 value in 3 rows
  token${" ".repeat(41)}  rows  users  first seen  last seen
  ${line}  ────  ─────  ──────────  ──────────
  ${IP}     3      3  2026-01-01  2026-01-03

masked_device_id: 2 values in 4 rows
  token${" ".repeat(41)}  rows  users  first seen  last seen
  ${line}  ────  ─────  ──────────  ──────────
  ${DEVICE}     2      2  2026-01-01  2026-01-02
  ${OWN_DEVICE}     2      1  2026-01-03  2026-01-04

Total: 3 values in 2 columns of public.user_logins that occur for more than one user_id or at least 2 times
`,
    );
  });

  it("prints one JSON object with all of it", async () => {
    expect(await duplicatesJson()).toEqual({
      table: "public.user_logins",
      min: 2,
      limit: 20,
      userColumn: "user_id",
      timeColumn: "create_date",
      columns: [
        {
          column: "masked_ip",
          valuesFound: 1,
          rowsFound: 3,
          cutByLimit: 0,
          values: [{ token: IP, rows: 3, users: 3, firstSeen: "2026-01-01", lastSeen: "2026-01-03" }],
        },
        {
          column: "masked_device_id",
          valuesFound: 2,
          rowsFound: 4,
          cutByLimit: 0,
          values: [
            { token: DEVICE, rows: 2, users: 2, firstSeen: "2026-01-01", lastSeen: "2026-01-02" },
            { token: OWN_DEVICE, rows: 2, users: 1, firstSeen: "2026-01-03", lastSeen: "2026-01-04" },
          ],
        },
      ],
    });
  });

  it("takes one column, another minimum, user and time", async () => {
    const report = await duplicatesJson("--column", "masked_device_id", "--min", "3", "--time", "logged_in");
    expect(report).toMatchObject({ min: 3, timeColumn: "logged_in" });
    expect(report["columns"]).toEqual([
      {
        column: "masked_device_id",
        valuesFound: 1,
        rowsFound: 2,
        cutByLimit: 0,
        values: [
          { token: DEVICE, rows: 2, users: 2, firstSeen: "2026-01-01T10:00:00Z", lastSeen: "2026-01-02T10:00:00Z" },
        ],
      },
    ]);
    // By day: the device of one user is seen on two of them.
    const byDay = await duplicatesJson("--column", "masked_device_id", "--min", "3", "--user", "create_date");
    expect(byDay).toMatchObject({ userColumn: "create_date", columns: [{ valuesFound: 2 }] });
  });

  it("shows no value that is no token: it may be raw, or a bare SHA-256", async () => {
    const bare = createHash("sha256").update("203.0.113.7").digest("hex");
    await writeConfig("raw.yaml", "\n  user_token: { type: text, mask: hmac-over-sha256 }\n", "raw_logins");
    await query(database.url, "CREATE TABLE raw_logins (user_token text)");
    await query(database.url, "INSERT INTO raw_logins SELECT unnest($1::text[])", [
      [bare, bare, "jane.canary@example.org", "jane.canary@example.org", "jane.canary@example.org"],
    ]);
    const { stdout } = await duplicates("-c", "raw.yaml");
    expect(stdout).toMatch(/ \[no token\] +3\n +\[no token\] +2\n/);
    const report = await duplicatesJson("-c", "raw.yaml");
    expect(report).toMatchObject({
      columns: [
        {
          valuesFound: 2,
          rowsFound: 5,
          values: [
            { token: null, rows: 3 },
            { token: null, rows: 2 },
          ],
        },
      ],
    });
    for (const secret of ["canary", bare]) expect(stdout + JSON.stringify(report)).not.toContain(secret);
  });

  it("says what the limit cut", async () => {
    const { stdout } = await duplicates("--column", "masked_device_id", "--limit", "1");
    expect(stdout).toContain("masked_device_id: 2 values in 4 rows\n");
    expect(stdout).not.toContain(OWN_DEVICE);
    expect(stdout).toContain("  … and 1 more, cut by --limit 1\n");
    expect(await duplicatesJson("--column", "masked_device_id", "--limit", "1")).toMatchObject({
      limit: 1,
      columns: [{ valuesFound: 2, cutByLimit: 1, values: [{ token: DEVICE }] }],
    });
  });

  it("says so when there are none, and leaves out what the configuration has no column for", async () => {
    await writeConfig("bare.yaml", "\n  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }\n");
    const { code, stdout } = await duplicates("-c", "bare.yaml", "--min", "4");
    expect(code).toBe(0);
    expect(stdout).toBe(
      "masked_ip: no duplicates\n\nTotal: 0 values in 1 column of public.user_logins that occur at least 4 times\n",
    );
    expect((await duplicates("-c", "bare.yaml")).stdout).toMatch(/^ {2}token +rows$/m);
    expect(await duplicatesJson("-c", "bare.yaml")).toMatchObject({
      userColumn: null,
      timeColumn: null,
      columns: [{ values: [{ rows: 3, users: null, firstSeen: null }] }],
    });
  });

  it.each([
    ["an unmasked column", ["--column", "user_id"], ["user_id", "has no mask", "masked_ip, masked_device_id"]],
    ["a generalized column", ["--column", "network"], ["network", "generalize", "stored as one"]],
    ["a redacted column", ["--column", "name"], ["name", "redact"]],
    ["a dropped column", ["--column", "birthday"], ["birthday", "drop", "nothing"]],
    ["a mistyped column", ["--column", "masked_ipp"], ["masked_ipp", "did you mean masked_ip?"]],
    ["a user column that is none", ["--user", "userid"], ["userid", "did you mean user_id?", "user_id, masked_ip"]],
    ["a user column of which nothing is stored", ["--user", "birthday"], ["birthday", "drop"]],
    ["a time column that is none", ["--time", "user_id"], ["holds no timestamp or date", "logged_in, create_date"]],
    ["a minimum that finds everything", ["--min", "1"], ["from 2 to"]],
    ["a limit of nothing", ["--limit", "0"], ["from 1 to"]],
    ["a limit that is no number", ["--limit", "all"], ["Give a whole number"]],
    ["a surplus argument", ["masked_ip"], ["too many arguments"]],
  ])("refuses %s with exit code 2", async (_, args, mentions) => {
    const { code, stdout, stderr } = await duplicates(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    for (const text of mentions) expect(stderr).toContain(text);
  });

  it("refuses a configuration without such a column", async () => {
    await writeConfig("unmasked.yaml", "\n  user_id: { type: text }\n  name: { type: text, mask: redact }\n");
    const { code, stderr } = await duplicates("-c", "unmasked.yaml");
    expect(code).toBe(2);
    expect(stderr).toContain("[usage.invalid]");
    expect(stderr).toContain("hmac-sha256");
  });

  it("a missing configuration, a missing table, a missing column of the table, no right to read", async () => {
    const nowhere = await duplicates("-c", "nowhere.yaml");
    expect(nowhere.code).toBe(3);
    expect(nowhere.stderr).toContain("[config.not-found]");

    await writeConfig("other.yaml", COLUMNS, "gone.user_logins");
    const missing = await duplicates("-c", "other.yaml");
    expect({ code: missing.code, stdout: missing.stdout }).toEqual({ code: 4, stdout: "" });
    expect(missing.stderr).toContain("[database.table-missing]");
    expect(missing.stderr).toContain("gone.user_logins");

    await writeConfig("more.yaml", `${COLUMNS}  masked_mail: { from: mail, type: text, mask: hmac-sha256 }\n`);
    const misfit = await duplicates("-c", "more.yaml", "--column", "masked_mail");
    expect(misfit.code).toBe(4);
    expect(misfit.stderr).toContain("[database.table-mismatch]");
    expect(misfit.stderr).toContain("masked_mail");

    const role = await createTestRole(database.url);
    try {
      await query(database.url, `GRANT USAGE ON SCHEMA piipe TO ${role.name}`);
      await query(database.url, `GRANT SELECT ON piipe.migrations, piipe.key_links TO ${role.name}`);
      const limited = { folder, environment: { DATABASE_URL: role.url } };
      const denied = await runCli(["duplicates", "--json"], limited);
      expect(denied.code).toBe(4);
      expect(Object.keys(JSON.parse(denied.stdout) as object)).toEqual(["error"]);
      expect(denied.stderr).toContain("[database.denied]");
      // Reading the table is all that it needs.
      await query(database.url, `GRANT SELECT ON user_logins TO ${role.name}`);
      expect((await runCli(["duplicates"], limited)).code).toBe(0);
    } finally {
      await role.drop();
    }
  });

  it("says what to do when the database is unreachable, not migrated, or migrated by an older version", async () => {
    const unreachable = await runCli(["duplicates"], {
      folder,
      environment: { DATABASE_URL: "postgres://nobody@127.0.0.1:9/x" },
    });
    expect(unreachable.code).toBe(4);
    expect(unreachable.stderr).toContain("[database.unreachable]");

    const other = await createTestDatabase();
    try {
      const there = { folder, environment: { DATABASE_URL: other.url } };
      const fresh = await runCli(["duplicates"], there);
      expect(fresh.code).toBe(4);
      expect(fresh.stderr).toContain("[database.not-migrated]");
      await runCli(["migrate"], there);
      await query(other.url, "DELETE FROM piipe.migrations WHERE number >= 2");
      const older = await runCli(["duplicates"], there);
      expect(older.code).toBe(4);
      expect(older.stderr).toContain("[database.not-migrated]");
      expect(older.stderr).toContain("0002_masking.sql");
      expect(older.stderr).toContain("piipe migrate");
    } finally {
      await other.drop();
    }
  });
});

describe("the view that migrate keeps", () => {
  it("is made by migrate, and by run where it may create the table", async () => {
    const other = await createTestDatabase();
    const sqs = testSqs();
    try {
      const queue = await sqs.createTestQueue();
      await writeConfig(
        "creating.yaml",
        "\n  user_id: { type: text }\n  device: { type: text, mask: sha256 }\nallowUnkeyed: true\n",
        "user_logins, createTable: true",
        queue.name,
      );
      const at = (url: string) => ({
        folder,
        environment: { ...LOCAL_AWS, DATABASE_URL: url, AWS_ENDPOINT_URL_SQS: sqs.endpoint },
      });
      const event = JSON.stringify({ user_id: "u1", device: "d1" });
      await sqs.send(queue.url, [event, event]);
      const started = await runCli(["run", "-c", "creating.yaml", "--until-empty"], at(other.url));
      expect(started.code, started.stderr).toBe(0);
      expect(await query(other.url, "SELECT column_name, rows FROM piipe.user_logins_duplicates")).toEqual([
        { column_name: "device", rows: "2" },
      ]);

      await query(other.url, "DROP VIEW piipe.user_logins_duplicates");
      const role = await createTestRole(other.url);
      try {
        await query(
          other.url,
          `GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT ALL ON ALL TABLES IN SCHEMA piipe TO ${role.name};
           GRANT INSERT ON user_logins TO ${role.name}`,
        );
        await sqs.send(queue.url, [event]);
        const warned = await runCli(["run", "-c", "creating.yaml", "--until-empty"], at(role.url));
        expect(warned.code, warned.stderr).toBe(0);
        expect(warned.stderr).toContain("the view of duplicates was not brought up to date");
        expect(await query(other.url, "SELECT count(*)::integer AS rows FROM user_logins")).toEqual([{ rows: 3 }]);
      } finally {
        await role.drop();
      }

      const migrated = await runCli(["migrate", "-c", "creating.yaml", "--json"], at(other.url));
      expect(JSON.parse(migrated.stdout)).toMatchObject({
        tables: [{ viewChanged: "piipe.user_logins_duplicates" }],
        warnings: [],
      });
    } finally {
      await other.drop();
    }
  });

  it("is a warning of migrate when it may not make it, and the rest is done", async () => {
    const other = await createTestDatabase();
    const role = await createTestRole(other.url);
    try {
      const owner = { folder, environment: { DATABASE_URL: other.url } };
      const limited = { folder, environment: { DATABASE_URL: role.url } };
      await runCli(["migrate"], owner);
      await query(other.url, "DROP VIEW piipe.user_logins_duplicates; DROP TABLE user_logins");
      await query(
        other.url,
        `GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT ALL ON ALL TABLES IN SCHEMA piipe TO ${role.name};
         GRANT CREATE ON SCHEMA public TO ${role.name}`,
      );
      const { code, stdout, stderr } = await runCli(["migrate", "--json"], limited);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ tables: [{ isCreated: true, viewChanged: null }] });
      expect((JSON.parse(stdout) as { warnings: string[] }).warnings).toHaveLength(1);
      expect(stderr).toContain("warning: the view of duplicates was not brought up to date");
      const repaired = await runCli(["migrate"], owner);
      expect(repaired.stderr).toBe("made the view piipe.user_logins_duplicates\n");
      expect((await runCli(["migrate"], limited)).stderr).toBe("nothing to do: everything is up to date\n");
    } finally {
      await role.drop();
      await other.drop();
    }
  });
});
