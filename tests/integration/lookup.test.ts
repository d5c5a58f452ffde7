import { createHash } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { directUrl, endIdleSessions, query, scansOf } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { type TokenScenario, tokenScenario } from "../support/token-scenario.ts";
import { until } from "../support/until.ts";

interface LookupReport {
  readonly rows: number;
  readonly users: number | null;
  readonly userColumn: string | null;
  readonly tokens: ReadonlyArray<{
    readonly column: string;
    readonly token: string;
    readonly version: number | null;
    readonly rows: number;
    readonly firstSeen: string | null;
    readonly lastSeen: string | null;
  }>;
  readonly sample: ReadonlyArray<Readonly<Record<string, string | null>>>;
  readonly unsearched: ReadonlyArray<{ readonly column: string; readonly why: string }>;
  readonly destroyedVersions: readonly number[];
}

const SHARED = "199.172.111.135";
const GONE = "203.0.113.9";

const sqs = testSqs();
const pipelines: LoginPipeline[] = [];

afterAll(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
});

async function scenario(
  options: Parameters<typeof createLoginPipeline>[1] = {},
): Promise<TokenScenario & { readonly databaseUrl: string }> {
  const pipeline = await createLoginPipeline(sqs, options);
  pipelines.push(pipeline);
  return { ...tokenScenario(pipeline, sqs), databaseUrl: pipeline.databaseUrl };
}

async function lookUp(steps: TokenScenario, ...args: readonly string[]): Promise<LookupReport> {
  return JSON.parse((await steps.must("lookup", ...args, "--json")).stdout) as LookupReport;
}

const rowsByVersion = ({ tokens }: LookupReport) =>
  Object.fromEntries(tokens.map(({ version, rows }) => [String(version), rows]));

describe("piipe lookup, after real runs", () => {
  it("finds the rows of all key versions, of a destroyed one by its links, and says what it cannot find", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: SHARED }, { user: "u2", ip: SHARED }, { user: "u3", ip: GONE });
    await steps.rotate(2);
    await steps.land({ user: "u1", ip: SHARED }, { user: "u4", ip: "198.51.100.4" });

    const linking = await lookUp(steps, "ip", SHARED);
    expect(linking).toMatchObject({ rows: 3, users: 2, userColumn: "user_id", destroyedVersions: [] });
    expect(rowsByVersion(linking)).toEqual({ 1: 2, 2: 1 });

    await steps.destroy(1);
    const linked = await lookUp(steps, "ip", SHARED);
    expect(linked).toMatchObject({ rows: 3, users: 2, destroyedVersions: [1] });
    expect(rowsByVersion(linked)).toEqual({ 1: 2, 2: 1 });
    const today = new Date().toISOString().slice(0, 10);
    expect(linked.tokens.map(({ firstSeen, lastSeen }) => [firstSeen, lastSeen])).toEqual(
      linked.tokens.map(() => [today, today]),
    );
    expect(linked.sample.map((row) => row["user_id"]).toSorted()).toEqual(["u1", "u1", "u2"]);
    expect(linked.sample.every((row) => /^h[12]_/.test(row["masked_ip"] ?? ""))).toBe(true);

    // Seen under version 1 only: nothing leads to it any more.
    const gone = await steps.must("lookup", "ip", GONE);
    expect(gone.stdout).toContain("No row has the value.");
    expect(gone.stdout).toContain("destroyed key version 1 are found only where links lead to them");
  });

  it("follows links over several rotations", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: SHARED });
    await steps.rotate(2);
    await steps.land({ user: "u1", ip: SHARED });
    await steps.destroy(1);
    await steps.rotate(3);
    await steps.land({ user: "u1", ip: SHARED });
    await steps.destroy(2);
    expect(rowsByVersion(await lookUp(steps, "ip", SHARED))).toEqual({ 1: 1, 2: 1, 3: 1 });
  });

  it("finds rows of a leaked key and of the version over it", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: SHARED });
    await steps.rotate(2, "--over");
    await steps.land({ user: "u2", ip: SHARED });
    expect(rowsByVersion(await lookUp(steps, "ip", SHARED))).toEqual({ 1: 1, 2: 1 });
  });

  it("reads the value as the pipeline does: any spelling, from the argument or from stdin", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: SHARED }, { user: "u2", ip: "2001:db8::1" });
    expect(await lookUp(steps, "ip", `::ffff:${SHARED}`)).toMatchObject({ rows: 1 });
    const fromStdin = await steps.cli(["lookup", "masked_ip", "-", "--json"], "2001:DB8:0:0::1\n");
    expect(JSON.parse(fromStdin.stdout)).toMatchObject({ rows: 1, users: 1 });
    const device = await steps.cli(["lookup", "device_id", "--json"], " 593-47-5928 \n");
    expect(JSON.parse(device.stdout)).toMatchObject({ rows: 2, users: 2 });
  });

  it("searches every column of a field, each row once, and names those that cannot be searched", async () => {
    const steps = await scenario({
      columns: `${LOGIN_COLUMNS}
  ip_siv: { from: ip, type: ip, mask: aes-siv }
  ip_det: { from: ip, type: ip, mask: ipcrypt-deterministic }
  ip_net: { from: ip, type: ip, mask: generalize }`,
    });
    await query(
      steps.databaseUrl,
      "ALTER TABLE user_logins ADD COLUMN ip_siv text, ADD COLUMN ip_det inet, ADD COLUMN ip_net text",
    );
    await steps.land({ user: "u1", ip: SHARED }, { user: "u2", ip: GONE });
    const found = await lookUp(steps, "ip", SHARED);
    expect(found).toMatchObject({ rows: 1, users: 1, unsearched: [{ column: "ip_net" }] });
    expect(found.tokens.map(({ column, version, rows }) => [column, version, rows])).toEqual([
      ["masked_ip", 1, 1],
      ["ip_siv", 1, 1],
      ["ip_det", null, 1],
    ]);
  });

  it("never takes another value for this one where tokens do not show their key version", async () => {
    const steps = await scenario({
      columns: LOGIN_COLUMNS.replace("mask: hmac-sha256 }", "mask: ipcrypt-deterministic, keyVersion: 1 }"),
    });
    await steps.land({ user: "u1", ip: SHARED });
    await steps.rotate(2);
    await steps.land({ user: "u2", ip: SHARED });
    const found = await lookUp(steps, "ip", SHARED);
    expect(found.tokens).toHaveLength(1);
    expect(found).toMatchObject({ rows: 2, users: 2 });
  });

  it("finds all spellings where tokens keep the separators, and shows each", async () => {
    const steps = await scenario({
      columns: LOGIN_COLUMNS.replace("type: text, mask: hmac-sha256 }", "type: text, mask: fpe-ff1, digits: 9 }"),
    });
    await steps.land(
      { user: "u1", ip: SHARED, device: "593-47-5928" },
      { user: "u2", ip: SHARED, device: "593 47 5928" },
      { user: "u2", ip: SHARED, device: "593 47 5928" },
      { user: "u3", ip: SHARED, device: "593-47-5929" },
    );
    const found = await lookUp(steps, "device_id", "593475928");
    expect(found).toMatchObject({ rows: 3, users: 2 });
    const today = new Date().toISOString().slice(0, 10);
    expect(found.tokens.map(({ token, rows, lastSeen }) => [token.replaceAll(/\d/g, "0"), rows, lastSeen])).toEqual([
      ["000000000", 0, null],
      ["000 00 0000", 2, today],
      ["000-00-0000", 1, today],
    ]);
    const spelled = await lookUp(steps, "device_id", "593-47-5928");
    expect(spelled.rows).toBe(3);
    expect(spelled.tokens.map(({ rows }) => rows)).toEqual([1, 2]);
  });

  it("finds the bare SHA-256 that a takeover has not reached yet", async () => {
    const steps = await scenario({ columns: LOGIN_COLUMNS.replaceAll("hmac-sha256", "hmac-over-sha256") });
    await query(steps.databaseUrl, "INSERT INTO user_logins (user_id, masked_ip) VALUES ('old', $1)", [
      createHash("sha256").update(SHARED).digest("hex"),
    ]);
    await steps.land({ user: "new", ip: SHARED });
    const digest = createHash("sha256").update(SHARED).digest("hex");
    const found = await steps.must("lookup", "ip", SHARED, "--json");
    const report = JSON.parse(found.stdout) as LookupReport;
    expect(report.rows).toBe(2);
    expect(rowsByVersion(report)).toEqual({ 1: 1, null: 1 });
    expect(report.tokens[1]).toMatchObject({ token: "bare SHA-256" });
    const shown = await steps.must("lookup", "ip", SHARED);
    expect(shown.stdout).toMatch(/masked_ip +bare SHA-256 +– +1 /);
    expect(shown.stdout).toContain("In column masked_ip, the mask takes a value exactly as it came");
    for (const { stdout, stderr } of [found, shown]) expect(stdout + stderr).not.toContain(digest);

    const erased = await steps.must("erase", "ip", SHARED, "--yes");
    expect(erased.stdout).toContain("Deleted 2 rows");
    expect(erased.stdout + erased.stderr).not.toContain(digest);
    expect(rowsByVersion(await lookUp(steps, "ip", SHARED))).toEqual({ 1: 0 });
  });

  it("says that a phone number in another spelling is not found", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: SHARED, device: "+49 30 1234567" });
    const { stdout } = await steps.must("lookup", "device_id", "+49301234567");
    expect(stdout).toContain("No row has the value.");
    expect(stdout).toContain("In column masked_device_id, other spellings of the value, such as a phone number");
    expect((await steps.must("lookup", "ip", SHARED)).stdout).not.toContain("spellings");
  });

  it("follows no link to a token that the value does not make", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: SHARED }, { user: "u2", ip: GONE });
    await steps.rotate(2);
    await steps.land({ user: "u1", ip: SHARED });
    await query(
      steps.databaseUrl,
      `INSERT INTO piipe.key_links (column_name, old_token, new_token, domain)
       SELECT 'masked_ip', stranger.masked_ip, known.masked_ip, 'logins'
       FROM user_logins AS stranger, user_logins AS known
       WHERE stranger.user_id = 'u2' AND known.masked_ip LIKE 'h2%'`,
    );
    expect(await lookUp(steps, "ip", SHARED)).toMatchObject({ rows: 2, users: 1 });
    await steps.destroy(1);
    // Two tokens of the version whose key is gone, of which one value can have one: nobody can tell which it is.
    expect(await lookUp(steps, "ip", SHARED)).toMatchObject({
      rows: 1,
      doubtfulLinks: [{ column: "masked_ip", version: 1 }],
    });
    const shown = await steps.must("lookup", "ip", SHARED);
    expect(shown.stdout).toContain("more tokens of key version 1 in masked_ip than one value can have");
  });

  it("counts a masked user once, whatever the key version of the token", async () => {
    const steps = await scenario({
      columns: LOGIN_COLUMNS.replace("user_id: { type: text }", "user_id: { type: text, mask: hmac-sha256 }"),
    });
    await steps.land({ user: "u1", ip: SHARED }, { user: "u2", ip: SHARED });
    await steps.rotate(2);
    await steps.land({ user: "u1", ip: SHARED });
    expect(await lookUp(steps, "ip", SHARED)).toMatchObject({ rows: 3, users: 2 });
  });

  it("uses the index of the column", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: SHARED });
    // A session reports its scans at its end, or seconds later: a pooler's would go on.
    const url = directUrl(steps.databaseUrl);
    await query(
      url,
      `INSERT INTO user_logins (masked_ip) SELECT 'h1_' || md5(n::text) FROM generate_series(1, 50000) AS n;
       CREATE INDEX by_ip ON user_logins (masked_ip);
       ANALYZE user_logins`,
    );
    expect(await lookUp(steps, "masked_ip", SHARED)).toMatchObject({ rows: 1 });
    await lookUp(steps, "masked_ip", SHARED);
    await endIdleSessions();
    await until("the scans are counted", async () => (await scansOf(url, "user_logins")).index >= 6);
    // The making of the index reads all rows once, and nothing else does.
    expect((await scansOf(url, "user_logins")).read).toBeLessThan(100_000);
  });

  it("is noted in the audit: columns, counts and reason, and neither the value nor a token", async () => {
    const steps = await scenario();
    await steps.land({ user: "u1", ip: SHARED });
    const results = [
      await steps.must("lookup", "ip", SHARED, "--reason", "  ticket 4711 "),
      await steps.must("lookup", "ip", GONE, "--json"),
    ];
    expect(await steps.audit()).toMatchObject([
      {
        action: "lookup",
        operator: expect.stringMatching(/^.+@.+$/) as string,
        reason: "ticket 4711",
        details: { table: "public.user_logins", columns: ["masked_ip"], rows: 1 },
      },
      { action: "lookup", reason: null, details: { columns: ["masked_ip"], rows: 0 } },
    ]);
    const everything = [await steps.dump(), ...results.flatMap(({ stdout, stderr }) => [stdout, stderr])].join("\n");
    expect(everything).not.toContain(SHARED);
    expect(everything).not.toContain(GONE);
    expect(JSON.stringify(await steps.audit())).not.toContain("h1_");
    for (const change of ["UPDATE piipe.audit SET reason = ''", "DELETE FROM piipe.audit", "TRUNCATE piipe.audit"]) {
      await expect(query(steps.databaseUrl, change)).rejects.toThrow("append-only");
    }
  });
});
