import { copyFile, chmod, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { type TokenScenario, tokenScenario } from "../support/token-scenario.ts";

const IP = "199.172.111.135";
/** An address in another spelling than its normal one: the vault keeps what the event had. */
const SPELLED = "2001:DB8:0::1";
const REASON = ["--reason", "fraud case 42"] as const;

const sqs = testSqs();
let vault: Scenario;
const pipelines: LoginPipeline[] = [];

type Scenario = TokenScenario & Pick<LoginPipeline, "databaseUrl" | "folder">;

beforeAll(async () => {
  vault = await scenario(LOGIN_COLUMNS.replaceAll("mask: hmac-sha256", "mask: hmac-sha256, reveal: true"));
  await vault.land(
    { user: "u1", ip: IP },
    { user: "u2", ip: SPELLED, device: "Gerät “1” with \\ and\nmore" },
    { user: "u3", ip: "203.0.113.9" },
    { user: "u4", ip: "203.0.113.10" },
  );
  await vault.rotate(2);
  await vault.land({ user: "u1-new", ip: IP });
});
afterAll(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
});

async function scenario(columns: string): Promise<Scenario> {
  const pipeline = await createLoginPipeline(sqs, { columns });
  pipelines.push(pipeline);
  return { ...pipeline, ...tokenScenario(pipeline, sqs) };
}

async function tokenOf(steps: Scenario, user: string, column = "masked_ip"): Promise<string> {
  const [row] = await query<Record<string, string>>(
    steps.databaseUrl,
    `SELECT ${column}::text AS token FROM user_logins WHERE user_id = $1`,
    [user],
  );
  return row?.["token"] ?? "";
}

const auditOf = async (steps: Scenario) => (await steps.audit()).filter(({ action }) => action === "reveal");

describe("piipe reveal from the vault, after real runs", () => {
  it("prints the original as the event had it, alone on stdout; the audit has column, token and reason", async () => {
    const before = await auditOf(vault);
    const token = await tokenOf(vault, "u2");
    const ip = await vault.must("reveal", "masked_ip", token, ...REASON);
    expect(ip).toMatchObject({ stdout: `${SPELLED}\n`, stderr: "" });
    const device = await tokenOf(vault, "u2", "masked_device_id");
    const json = await vault.cli(["reveal", "masked_device_id", ...REASON, "--json"], `${device}\n`);
    expect(JSON.parse(json.stdout)).toEqual({
      column: "masked_device_id",
      token: device,
      value: "Gerät “1” with \\ and\nmore",
      verified: true,
    });
    const audit = (await auditOf(vault)).slice(before.length);
    expect(audit).toMatchObject([
      { reason: "fraud case 42", details: { column: "masked_ip", token } },
      { reason: "fraud case 42", details: { column: "masked_device_id", token: device } },
    ]);
    expect(await vault.dump()).not.toContain(SPELLED);
  });

  it("reveals a token of any key version, and those whose own entry is gone by a linked one", async () => {
    const [old, renewed] = [await tokenOf(vault, "u1"), await tokenOf(vault, "u1-new")];
    expect([old.slice(0, 3), renewed.slice(0, 3)]).toEqual(["h1_", "h2_"]);
    for (const token of [old, renewed]) {
      expect((await vault.must("reveal", "masked_ip", token, ...REASON)).stdout).toBe(`${IP}\n`);
    }
    await query(vault.databaseUrl, "DELETE FROM piipe.vault WHERE token = $1", [old]);
    expect((await vault.must("reveal", "masked_ip", old, ...REASON)).stdout).toBe(`${IP}\n`);
  });

  it("refuses an entry that holds the original of another value or of another column", async () => {
    const token = await tokenOf(vault, "u3");
    for (const [column, other] of [
      ["masked_ip", await tokenOf(vault, "u4")],
      ["masked_device_id", await tokenOf(vault, "u4", "masked_device_id")],
    ] as const) {
      await query(
        vault.databaseUrl,
        `UPDATE piipe.vault SET sealed = (SELECT sealed FROM piipe.vault WHERE column_name = $1 AND token = $2)
         WHERE column_name = 'masked_ip' AND token = $3`,
        [column, other, token],
      );
      const swapped = await vault.cli(["reveal", "masked_ip", token, ...REASON]);
      expect(swapped).toMatchObject({ code: 3, stdout: "" });
      expect(swapped.stderr).toContain("[keys.invalid]");
      expect(swapped.stderr).not.toContain("203.0.113");
    }
  });

  it("reveals nothing when the audit cannot be written", async () => {
    await query(
      vault.databaseUrl,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON piipe.audit FOR EACH ROW EXECUTE PROCEDURE refuse()`,
    );
    const refused = await vault.cli(["reveal", "masked_ip", await tokenOf(vault, "u1-new"), ...REASON]);
    await query(vault.databaseUrl, "DROP TRIGGER refuse ON piipe.audit");
    expect(refused).toMatchObject({ code: 4, stdout: "" });
    expect(refused.stderr).not.toContain(IP);
  });

  it("opens nothing with a private file that is missing, open to others, or of another pair", async () => {
    const file = join(vault.folder, "piipe.private.json");
    const token = await tokenOf(vault, "u1-new");
    const reveal = (...more: readonly string[]) => vault.cli(["reveal", "masked_ip", token, ...REASON, ...more]);

    await copyFile(file, join(vault.folder, "elsewhere.json"));
    expect(await reveal("--private-file", "elsewhere.json")).toMatchObject({ code: 0, stdout: `${IP}\n` });

    const before = await auditOf(vault);
    await chmod(file, 0o644);
    const open = await reveal();
    await chmod(file, 0o600);
    await rename(file, `${file}.away`);
    const missing = await reveal();
    await rename(`${file}.away`, file);
    // Neither gets as far as the audit.
    expect(await auditOf(vault)).toEqual(before);
    await vault.must("keys", "new", "--file", "other.json", "--private-file", "other.private.json");
    const other = await reveal("--private-file", "other.private.json");
    expect([open, missing, other].map(({ code, stdout }) => [code, stdout])).toEqual([
      [3, ""],
      [3, ""],
      [3, ""],
    ]);
    expect(open.stderr).toContain("[keys.unsafe]");
    expect(missing.stderr).toContain("[keys.missing]");
    expect(other.stderr).toContain("sealed to another key");
  });

  it("says that it knows no original of a token that it does not have, and notes nothing", async () => {
    const before = await vault.audit();
    const unknown = await vault.cli(["reveal", "masked_ip", IP, ...REASON]);
    expect(unknown).toMatchObject({ code: 2, stdout: "" });
    expect(unknown.stderr).toContain("the vault has no original for this token");
    expect(unknown.stderr).not.toContain(IP);
    expect(await vault.audit()).toEqual(before);
  });

  // The last one: it takes the key of version 1.
  it("warns that an original could not be verified when the token's key version is destroyed", async () => {
    await vault.destroy(1);
    for (const [user, value] of [
      ["u1", IP],
      ["u2", SPELLED],
    ] as const) {
      const token = await tokenOf(vault, user);
      const result = await vault.must("reveal", "masked_ip", token, ...REASON);
      expect(result.stdout).toBe(`${value}\n`);
      expect(result.stderr).toContain("could not be verified");
    }
    // The link may lead to the token of another value: what can still be checked, is.
    const token = await tokenOf(vault, "u1-new");
    await query(
      vault.databaseUrl,
      `UPDATE piipe.vault SET sealed = (SELECT sealed FROM piipe.vault WHERE token = $1) WHERE token = $2`,
      [await tokenOf(vault, "u4"), token],
    );
    const exchanged = await vault.cli(["reveal", "masked_ip", await tokenOf(vault, "u1"), ...REASON]);
    expect(exchanged).toMatchObject({ code: 3, stdout: "" });

    // A rewrap takes the tokens of destroyed versions, too: what leaked may have been an older file.
    await vault.rotate(3, "--over");
    await vault.must("keys", "rewrap");
    const rewrapped = await tokenOf(vault, "u2");
    expect(rewrapped).toMatch(/^h3_/);
    const result = await vault.must("reveal", "masked_ip", rewrapped, ...REASON);
    expect(result.stdout).toBe(`${SPELLED}\n`);
    expect(result.stderr).toContain("could not be verified");
  });
});

describe("piipe reveal of reversible masks", () => {
  it("turns tokens back with the keyring alone, of the key version that made them", async () => {
    const steps = await scenario(`
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: aes-siv }
  masked_device_id: { from: device_id, type: text, mask: fpe-ff1, digits: 9, keyVersion: 1 }
  ip_det: { from: ip, type: ip, mask: ipcrypt-deterministic, keyVersion: 1 }
  ip_pfx: { from: ip, type: ip, mask: ipcrypt-pfx, keyVersion: 1 }`);
    await query(steps.databaseUrl, "ALTER TABLE user_logins ADD COLUMN ip_det inet, ADD COLUMN ip_pfx text");
    await steps.land({ user: "u1", ip: IP });
    await steps.rotate(2);
    await steps.land({ user: "u2", ip: IP }, { user: "u3", ip: "203.0.113.9" });
    await rename(join(steps.folder, "piipe.private.json"), join(steps.folder, "away.json"));

    const expected = { masked_ip: IP, masked_device_id: "593-47-5928", ip_det: IP, ip_pfx: IP };
    for (const user of ["u1", "u2"]) {
      for (const [column, value] of Object.entries(expected)) {
        const token = await tokenOf(steps, user, column);
        const { stdout, stderr } = await steps.must("reveal", column, token.replace(/\/\d+$/, ""), ...REASON, "--json");
        // The others would open with any key, and give another value.
        const verified = column === "masked_ip";
        expect(JSON.parse(stdout)).toMatchObject({ column, value, verified });
        expect(stderr.includes("hold no proof of their key")).toBe(!verified);
      }
    }
    expect(await auditOf(steps)).toHaveLength(8);

    // A raw address looks like a token: it must get neither into the audit nor into an error.
    const raw = await steps.cli(["reveal", "ip_det", "198.51.100.77", ...REASON]);
    expect(raw).toMatchObject({ code: 2, stdout: "" });
    expect(raw.stderr).toContain("no row of public.user_logins has it");
    const text = await steps.cli(["reveal", "ip_det", "no address", ...REASON]);
    expect(text.code).toBe(2);
    expect(await steps.dump()).not.toContain("198.51.100.77");
    expect(raw.stderr).not.toContain("198.51.100.77");

    // Changed by one character, it no longer opens.
    const token = await tokenOf(steps, "u1");
    const changed = token.replace(/.$/, (last) => (last === "A" ? "Q" : "A"));
    expect(await steps.cli(["reveal", "masked_ip", changed, ...REASON])).toMatchObject({ code: 2, stdout: "" });
    expect(await steps.cli(["reveal", "masked_ip", IP, ...REASON])).toMatchObject({ code: 2, stdout: "" });

    const lonely = await tokenOf(steps, "u3");
    await steps.must("keys", "retire", "1");
    await steps.must("keys", "destroy", "1", "--yes");
    const linked = await steps.must("reveal", "masked_ip", token, ...REASON);
    expect(linked.stdout).toBe(`${IP}\n`);
    expect(linked.stderr).toContain("could not be verified");
    expect(await steps.must("reveal", "masked_ip", lonely, ...REASON)).toMatchObject({
      stdout: "203.0.113.9\n",
      stderr: "",
    });
    await query(steps.databaseUrl, "DELETE FROM piipe.key_links");
    const lost = await steps.cli(["reveal", "masked_ip", token, ...REASON]);
    expect(lost).toMatchObject({ code: 3, stdout: "" });
    expect(lost.stderr).toContain("key version 1, which is destroyed");
  });
});
