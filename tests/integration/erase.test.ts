import { afterAll, describe, expect, it } from "vitest";
import { eraseCommand } from "../../src/cli/commands/erase.ts";
import { ERASURE_LOCK } from "../../src/storage/locks.ts";
import { startCommand } from "../support/cli.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { postgresMajor, query, withClient } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { scriptedTerminal } from "../support/scripted-terminal.ts";
import { testSqs } from "../support/sqs.ts";
import { type TokenScenario, tokenScenario } from "../support/token-scenario.ts";
import { until } from "../support/until.ts";

interface EraseReport {
  readonly columns: readonly string[];
  readonly deleted: { readonly rows: number; readonly links: number; readonly vault: number };
  readonly remaining: {
    readonly userColumn: string | null;
    readonly users: number | null;
    readonly rowsOfSameUsers: number | null;
    readonly pendingQuarantine: number;
  };
}

const ERASED = "199.172.111.135";
const OTHER = "203.0.113.9";
const REVEALED_COLUMNS = LOGIN_COLUMNS.replace(
  "type: ip, mask: hmac-sha256",
  "type: ip, mask: hmac-sha256, reveal: true",
);
const BOTH_REVEALED = LOGIN_COLUMNS.replaceAll("mask: hmac-sha256", "mask: hmac-sha256, reveal: true");
/** Of the command at a terminal. */
const ASKING = {
  config: "piipe.yaml",
  column: "ip",
  value: undefined,
  user: null,
  reason: null,
  json: false,
  yes: false,
  setNull: false,
};

const sqs = testSqs();
const pipelines: LoginPipeline[] = [];

afterAll(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
});

type Scenario = TokenScenario & Pick<LoginPipeline, "databaseUrl" | "folder" | "environment" | "rows" | "queue">;

async function scenario(columns = REVEALED_COLUMNS): Promise<Scenario> {
  const pipeline = await createLoginPipeline(sqs, { columns });
  pipelines.push(pipeline);
  return { ...pipeline, ...tokenScenario(pipeline, sqs) };
}

async function erase(steps: TokenScenario, value = ERASED): Promise<EraseReport> {
  return JSON.parse((await steps.must("erase", "ip", value, "--yes", "--json")).stdout) as EraseReport;
}

/** The tokens of a value, as the table has them. */
async function tokensOf({ databaseUrl }: Scenario, user: string): Promise<string[]> {
  const rows = await query<{ masked_ip: string }>(
    databaseUrl,
    "SELECT DISTINCT masked_ip FROM user_logins WHERE user_id = $1",
    [user],
  );
  return rows.map(({ masked_ip: token }) => token);
}

async function deviceToken({ databaseUrl }: Scenario, user: string): Promise<string> {
  const [row] = await query<{ token: string }>(
    databaseUrl,
    "SELECT masked_device_id AS token FROM user_logins WHERE user_id = $1 LIMIT 1",
    [user],
  );
  return row?.token ?? "";
}

/** The tokens of a column that the vault has originals of. */
async function originals({ databaseUrl }: Scenario, column: string): Promise<readonly string[]> {
  const rows = await query<{ token: string }>(
    databaseUrl,
    "SELECT token FROM piipe.vault WHERE column_name = $1 ORDER BY 1",
    [column],
  );
  return rows.map(({ token }) => token);
}

async function isWaiting({ databaseUrl }: Scenario, statement = "DELETE%"): Promise<boolean> {
  const waiting = await query(
    databaseUrl,
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
     AND query LIKE $1`,
    [statement],
  );
  return waiting.length > 0;
}

describe("piipe erase, after real runs", () => {
  it("deletes rows, links and originals of all key versions, and nothing else; says what remains", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED }, { user: "u2", ip: OTHER }, { user: "u1", ip: OTHER });
    await steps.rotate(2);
    await steps.land({ user: "u1", ip: ERASED }, { user: "u2", ip: OTHER }, { user: "u3", ip: ERASED });
    await sqs.send(steps.queue.url, [JSON.stringify({ user_id: "u4" })]);
    await steps.must("run", "--until-empty");
    await steps.destroy(1);
    await query(
      steps.databaseUrl,
      `INSERT INTO piipe.quarantine (source_id, message_id, source, sent_at, reason, attempt, sealed_body)
       SELECT source_id + 1, message_id, source || '-other', sent_at, reason, attempt, sealed_body FROM piipe.quarantine`,
    );

    const erasedTokens = (await tokensOf(steps, "u3")).concat(
      (
        await query<{ old_token: string }>(
          steps.databaseUrl,
          "SELECT old_token FROM piipe.key_links WHERE new_token = ANY ($1)",
          [await tokensOf(steps, "u3")],
        )
      ).map(({ old_token: token }) => token),
    );
    expect(erasedTokens).toHaveLength(2);
    const before = await steps.dump();
    for (const token of erasedTokens) expect(before).toContain(token);

    const report = await erase(steps);
    expect(report).toMatchObject({
      columns: ["masked_ip"],
      deleted: { rows: 3, links: 1, vault: 2 },
      remaining: {
        userColumn: "user_id",
        users: 2,
        rowsOfSameUsers: 1,
        pendingQuarantine: 1,
        pendingQuarantineOfOthers: 1,
      },
    });
    const after = await steps.dump();
    for (const token of erasedTokens) expect(after).not.toContain(token);
    expect(after).not.toContain(ERASED);
    const kept = await query<{ user_id: string }>(
      steps.databaseUrl,
      "SELECT user_id, masked_ip FROM user_logins ORDER BY 1, 2",
    );
    expect(kept.map((row) => row.user_id)).toEqual(["u1", "u2", "u2"]);
    const counts = await query(
      steps.databaseUrl,
      `SELECT (SELECT count(*)::int FROM piipe.key_links WHERE column_name = 'masked_ip') AS links,
              (SELECT count(*)::int FROM piipe.vault) AS vault`,
    );
    expect(counts).toEqual([{ links: 1, vault: 2 }]);

    // Once more: nothing left, and no error.
    expect((await erase(steps)).deleted).toEqual({ rows: 0, links: 0, vault: 0 });
    const text = await steps.must("erase", "ip", ERASED, "--yes", "--reason", "again");
    expect(text.stdout).toContain("Nothing was there to delete.");
    for (const remains of [
      "1 quarantined event, sealed",
      "1 quarantined event of other pipelines",
      "ledger",
      "VACUUM",
      "backups",
      "queue",
      "destroyed key version 1",
    ]) {
      expect(text.stdout).toContain(remains);
    }
    const audit = await steps.audit();
    expect(audit).toMatchObject([
      { action: "erase", reason: null, details: { columns: ["masked_ip"], rows: 3, links: 1, vault: 2 } },
      { action: "erase", details: { rows: 0, links: 0, vault: 0 } },
      { action: "erase", reason: "again" },
    ]);
    expect(JSON.stringify(audit)).not.toMatch(/h\d_/);
  });

  it("takes the originals of other columns along, unless a row still has the token or one linked with it", async () => {
    const steps = await scenario(BOTH_REVEALED);
    await steps.land(
      { user: "u1", ip: ERASED, device: "only here" },
      { user: "u2", ip: ERASED, device: "shared" },
      { user: "u3", ip: OTHER, device: "shared" },
      { user: "u4", ip: ERASED, device: "later elsewhere" },
      { user: "u5", ip: ERASED, device: "later here" },
    );
    const orphan = await deviceToken(steps, "u1");
    await query(
      steps.databaseUrl,
      "INSERT INTO user_logins SELECT (user_logins).* FROM user_logins, generate_series(1, 6000) WHERE user_id = 'u1'",
    );
    await steps.rotate(2);
    await steps.land(
      { user: "u6", ip: OTHER, device: "later elsewhere" },
      { user: "u7", ip: ERASED, device: "later here" },
    );
    const staying = [];
    for (const user of ["u3", "u4", "u6"]) staying.push(await deviceToken(steps, user));
    // Only the link of another row leads to its token now.
    await query(steps.databaseUrl, "UPDATE user_logins SET masked_device_id = 'raw' WHERE user_id = 'u7'");
    const { terminal, output } = scriptedTerminal(steps, { secret: ERASED, confirm: false });
    expect(await eraseCommand(ASKING, terminal)).toBe(130);

    const { deleted } = await erase(steps);
    // The address has two tokens; "only here" has one, and "later here" two, of which a row had one.
    expect(deleted).toEqual({ rows: 6005, links: 2, vault: 5 });
    expect(output.error).toContain("6005 rows of public.user_logins, 2 links, 5 vault entries");
    expect(await originals(steps, "masked_device_id")).toEqual(staying.toSorted());
    const revealed = await steps.cli(["reveal", "masked_device_id", orphan, "--reason", "test"]);
    expect(revealed).toMatchObject({ code: 2, stdout: "" });
    const links = await query(
      steps.databaseUrl,
      "SELECT old_token, new_token FROM piipe.key_links WHERE column_name = $1",
      ["masked_device_id"],
    );
    expect(links).toEqual([{ old_token: staying[1], new_token: staying[2] }]);
    expect((await steps.audit()).map(({ details }) => details)).toMatchObject([
      { rows: 6005, links: 2, vault: 5 },
      { rows: 6005, links: 2, vault: 5 },
    ]);
  });

  it("leaves no original of another column when two erasures delete the last two rows that have it", async () => {
    const steps = await scenario(BOTH_REVEALED);
    await steps.land({ user: "u1", ip: ERASED, device: "shared" }, { user: "u2", ip: OTHER, device: "shared" });
    await withClient(steps.databaseUrl, async (client) => {
      await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${ERASURE_LOCK})`);
      await client.query("DELETE FROM user_logins WHERE user_id = 'u2'");
      const running = startCommand(["erase", "ip", ERASED, "--yes", "--json"], steps);
      await until("the erasure waits for the other one", () => isWaiting(steps, "SELECT pg_advisory%"));
      await client.query("COMMIT");
      expect(JSON.parse((await running.ended).stdout)).toMatchObject({ deleted: { rows: 1, vault: 2 } });
    });
    expect(await originals(steps, "masked_device_id")).toEqual([]);
  });

  it("deletes nobody else's rows, whoever is linked with the value", async () => {
    const steps = await scenario();
    const others = Array.from({ length: 12 }, (_, index) => ({ user: "other", ip: `203.0.113.${index + 1}` }));
    await steps.land({ user: "u1", ip: ERASED }, ...others);
    await steps.rotate(2);
    await steps.land({ user: "u1", ip: ERASED });
    const forge = (): Promise<unknown> =>
      query(
        steps.databaseUrl,
        `INSERT INTO piipe.key_links (column_name, old_token, new_token, domain)
         SELECT 'masked_ip', stranger.masked_ip, known.masked_ip, 'logins'
         FROM user_logins AS stranger, user_logins AS known
         WHERE stranger.user_id = 'other' AND known.masked_ip LIKE 'h2%' ON CONFLICT DO NOTHING`,
      );
    await forge();
    expect((await erase(steps)).deleted).toMatchObject({ rows: 2, links: 13 });
    expect(await steps.rows()).toBe(12);

    await steps.land({ user: "u1", ip: ERASED });
    await forge();
    await steps.destroy(1);
    const { stdout } = await steps.must("erase", "ip", ERASED, "--yes");
    expect(stdout).toContain("Deleted 1 row");
    expect(stdout).toContain("none of them was followed");
    expect(await steps.rows()).toBe(12);
  });

  it("deletes the rows of all spellings where tokens keep the separators", async () => {
    const steps = await scenario(
      LOGIN_COLUMNS.replace("type: text, mask: hmac-sha256 }", "type: text, mask: fpe-ff1, digits: 9 }"),
    );
    await steps.land(
      { user: "u1", ip: OTHER, device: "593-47-5928" },
      { user: "u1", ip: OTHER, device: "593 47 5928" },
      { user: "u1", ip: OTHER, device: "593-47-5929" },
    );
    const { terminal, output } = scriptedTerminal(steps, { secret: "593475928", confirm: true });
    expect(await eraseCommand({ ...ASKING, column: "device_id" }, terminal)).toBe(0);
    expect(output.error).toContain("2 rows of public.user_logins");
    expect(output.error).toContain("1 other row of the same 1 user");
    expect(output.out).toContain("Deleted 2 rows");
    expect(await steps.rows()).toBe(1);
  });

  it("deletes many rows in batches", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED }, { user: "u2", ip: OTHER });
    await query(
      steps.databaseUrl,
      `INSERT INTO user_logins (user_id, masked_ip)
       SELECT 'u1', masked_ip FROM user_logins, generate_series(1, 11000) WHERE user_id = 'u1'`,
    );
    expect((await erase(steps)).deleted.rows).toBe(11_001);
    expect(await steps.rows()).toBe(1);
  });

  it.skipIf(postgresMajor() < 11)("works on a partitioned table, whose partitions share places", async () => {
    const steps = await scenario();
    await query(
      steps.databaseUrl,
      `ALTER TABLE user_logins RENAME TO old_logins;
       CREATE TABLE user_logins (LIKE old_logins) PARTITION BY LIST (user_id);
       CREATE TABLE logins_u1 PARTITION OF user_logins FOR VALUES IN ('u1');
       CREATE TABLE logins_rest PARTITION OF user_logins DEFAULT`,
    );
    await steps.land({ user: "u1", ip: ERASED }, { user: "u2", ip: OTHER }, { user: "u3", ip: ERASED });
    expect(await erase(steps)).toMatchObject({ deleted: { rows: 2 }, remaining: { rowsOfSameUsers: 0, users: 2 } });
    expect(await query(steps.databaseUrl, "SELECT user_id FROM user_logins")).toEqual([{ user_id: "u2" }]);
  });

  it("works through a view", async () => {
    const steps = await scenario();
    await query(
      steps.databaseUrl,
      "ALTER TABLE user_logins RENAME TO logins; CREATE VIEW user_logins AS SELECT * FROM logins",
    );
    await steps.land({ user: "u1", ip: ERASED }, { user: "u2", ip: OTHER });
    expect((await erase(steps)).deleted.rows).toBe(1);
    expect(await steps.rows()).toBe(1);
  });

  it("does not miss a row that another transaction rewrites meanwhile", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED });
    await steps.rotate(2);
    await steps.land({ user: "u2", ip: ERASED });
    await withClient(steps.databaseUrl, async (client) => {
      await client.query("BEGIN");
      await client.query(
        "UPDATE user_logins SET masked_ip = (SELECT masked_ip FROM user_logins WHERE user_id = 'u2') WHERE user_id = 'u1'",
      );
      const running = startCommand(["erase", "ip", ERASED, "--yes", "--json"], steps);
      await until("the erasure waits for the row", () => isWaiting(steps));
      await client.query("COMMIT");
      const { code, stdout } = await running.ended;
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ deleted: { rows: 2 } });
    });
    expect(await steps.rows()).toBe(0);
  });

  it("does not miss an original whose token another transaction rewrites meanwhile", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED });
    const [token] = await tokensOf(steps, "u1");
    await steps.rotate(2, "--over");
    await steps.land({ user: "u2", ip: ERASED });
    const [renewed] = await tokensOf(steps, "u2");
    await query(steps.databaseUrl, "DELETE FROM piipe.vault WHERE token = $1", [renewed]);
    await withClient(steps.databaseUrl, async (client) => {
      await client.query("BEGIN");
      await client.query(
        `WITH old AS (DELETE FROM piipe.vault WHERE token = $1 RETURNING *)
         INSERT INTO piipe.vault (column_name, token, sealed, domain) SELECT column_name, $2, sealed, domain FROM old`,
        [token, renewed],
      );
      const running = startCommand(["erase", "ip", ERASED, "--yes", "--json"], steps);
      await until("the erasure waits for the entry", () => isWaiting(steps));
      await client.query("COMMIT");
      expect(JSON.parse((await running.ended).stdout)).toMatchObject({ deleted: { rows: 2, vault: 1 } });
    });
    expect(await query(steps.databaseUrl, "SELECT token FROM piipe.vault")).toEqual([]);
  });

  it("stops at SIGINT with what it has done, and goes on at the next call", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED });
    await withClient(steps.databaseUrl, async (client) => {
      await client.query("BEGIN; SELECT 1 FROM user_logins FOR UPDATE");
      const running = startCommand(["erase", "ip", ERASED, "--yes"], steps);
      await until("the erasure waits for the row", () => isWaiting(steps));
      running.signal("SIGINT");
      const { code, stdout, stderr } = await running.ended;
      expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
      expect(stderr).toContain("stopped when 0 rows had been deleted");
      await client.query("ROLLBACK");
    });
    expect((await erase(steps)).deleted).toEqual({ rows: 1, links: 0, vault: 1 });
  });

  it("at a terminal, asks for the value unseen, shows what would go, and deletes only after a yes", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED }, { user: "u1", ip: OTHER });
    for (const [consent, code, rows] of [
      [null, 130, 2],
      [false, 130, 2],
      [true, 0, 1],
    ] as const) {
      const { terminal, output } = scriptedTerminal(steps, { secret: ERASED, confirm: consent });
      expect(await eraseCommand(ASKING, terminal)).toBe(code);
      expect(output.error).toContain("1 row of public.user_logins, 0 links, 1 vault entry");
      expect(output.error).toContain("1 other row of the same 1 user (user_id) will remain");
      expect(output.error.includes("Nothing was deleted.")).toBe(code === 130);
      expect(output.out + output.error).not.toContain(ERASED);
      expect(await steps.rows()).toBe(rows);
    }
    // A preview tells as much as a lookup, and is noted as one.
    expect((await steps.audit()).map(({ action }) => action)).toEqual(["lookup", "lookup", "lookup", "erase"]);
    const cancelled = scriptedTerminal(steps, { secret: null, confirm: true });
    await expect(eraseCommand(ASKING, cancelled.terminal)).rejects.toMatchObject({ code: "interrupted" });
    expect(await steps.audit()).toHaveLength(4);
  });

  it("notes the erasure before the first row is deleted", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED });
    await query(
      steps.databaseUrl,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', OLD.masked_ip; END $$;
       CREATE TRIGGER refuse BEFORE DELETE ON user_logins FOR EACH ROW EXECUTE PROCEDURE refuse()`,
    );
    const refused = await steps.cli(["erase", "ip", ERASED, "--yes"]);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain("[database.refused]");
    expect(refused.stderr).not.toContain("h1_");
    expect(await steps.audit()).toMatchObject([{ action: "erase", details: { rows: 1, vault: 1 } }]);
    expect(await steps.rows()).toBe(1);

    // A trigger that turns deletes away in silence must not pass for success either.
    await query(
      steps.databaseUrl,
      "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    );
    const kept = await steps.cli(["erase", "ip", ERASED, "--yes"]);
    expect(kept.code).toBe(4);
    expect(kept.stderr).toContain("keeps rows that were to be erased from public.user_logins");
  });

  it("deletes nothing when the audit cannot be written, and names the rights that are missing", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED });
    const role = await createTestRole(steps.databaseUrl);
    await query(
      steps.databaseUrl,
      `GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT SELECT ON ALL TABLES IN SCHEMA piipe, public TO ${role.name};
       GRANT DELETE ON piipe.vault, piipe.key_links TO ${role.name}`,
    );
    const eraseAsRole = () =>
      startCommand(["erase", "ip", ERASED, "--yes"], {
        folder: steps.folder,
        environment: { ...steps.environment, DATABASE_URL: role.url },
      }).ended;
    const denied = await eraseAsRole();
    expect(denied.code).toBe(4);
    expect(denied.stderr).toContain("[database.denied]");
    expect(denied.stderr).toContain("lacks DELETE on public.user_logins, INSERT on piipe.audit");
    expect(denied.stderr).toContain('GRANT DELETE ON "public"."user_logins" TO');
    expect(await steps.rows()).toBe(1);
    expect(await steps.audit()).toEqual([]);

    await query(
      steps.databaseUrl,
      `GRANT DELETE ON user_logins TO ${role.name}; GRANT INSERT ON piipe.audit TO ${role.name}`,
    );
    expect((await eraseAsRole()).code).toBe(0);
    expect(await steps.rows()).toBe(0);
    await role.drop();
  });

  it("does not take rows that row-level security hides for rows that are not there", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED }, { user: "u2", ip: OTHER });
    const role = await createTestRole(steps.databaseUrl);
    await query(
      steps.databaseUrl,
      `GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT ALL ON ALL TABLES IN SCHEMA piipe, public TO ${role.name};
       ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY;
       CREATE POLICY only_some ON user_logins USING (user_id = 'u2')`,
    );
    for (const args of [
      ["erase", "ip", ERASED, "--yes"],
      ["lookup", "ip", ERASED],
    ]) {
      const environment = { ...steps.environment, DATABASE_URL: role.url };
      const { code, stdout, stderr } = await startCommand(args, { folder: steps.folder, environment }).ended;
      expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
      expect(stderr).toContain("row-level security may hide rows of public.user_logins");
    }
    expect(await steps.audit()).toEqual([]);
    expect((await erase(steps)).deleted.rows).toBe(1);
    await role.drop();
  });

  it("says how much is gone when it fails half way", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: ERASED });
    await query(
      steps.databaseUrl,
      `INSERT INTO user_logins SELECT (user_logins).* FROM user_logins, generate_series(1, 5999);
       INSERT INTO user_logins (user_id, masked_ip) SELECT 'kept', masked_ip FROM user_logins LIMIT 1;
       CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$;
       CREATE TRIGGER keep BEFORE DELETE ON user_logins FOR EACH ROW WHEN (OLD.user_id = 'kept')
         EXECUTE PROCEDURE keep()`,
    );
    const { code, stdout, stderr } = await startCommand(["erase", "ip", ERASED, "--yes"], steps).ended;
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
    expect(stderr).toContain("5000 rows had been deleted, for good");
    expect(await steps.rows()).toBe(1001);
  });
});
