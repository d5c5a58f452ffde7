import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { secretPassword } from "../../src/aws/secret-password.ts";
import { Secret } from "../../src/config/secret.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import { type Login, type LoginSource, passwordFile } from "../../src/postgres/login-source.ts";
import { runCli } from "../support/cli.ts";
import { drainLogins } from "../support/drain-logins.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { type PostgresFront, startPostgresFront } from "../support/postgres-front.ts";
import { directUrl } from "../support/postgres.ts";
import { createRotatingRole, type RotatingRole } from "../support/rotating-role.ts";
import { startSecretsFake } from "../support/secrets-manager.ts";
import { testSqs } from "../support/sqs.ts";

const [EVENT = ""] = loginEvents(1);
const pools: PostgresPool[] = [];
function poolOf(url: string, login: LoginSource | null = null, connectionsMax = 2): PostgresPool {
  const pool = openPool({ url: new Secret(url), login, connectionsMax });
  pools.push(pool);
  return pool;
}

const ask = async (pool: PostgresPool): Promise<string | null | undefined> => {
  const { rows } = await pool.query("asking", "SELECT current_user::text AS name");
  return rows[0]?.["name"];
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const pool of pools.splice(0)) await pool.close();
  await rm(folder, { recursive: true });
});

describe("the password of a role that is rotated", () => {
  let role: RotatingRole;
  let published: string[];
  beforeEach(async () => {
    published = [];
    role = await createRotatingRole(inject("serverUrl"), async ({ password }) => void published.push(password));
  });
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close();
    await role.drop();
  });

  /** Gives the passwords one after the other, the last one for ever. */
  function source(...passwords: readonly string[]): LoginSource & { readonly refusals: string[]; asked: number } {
    const left = [...passwords];
    const refusals: string[] = [];
    return {
      needsVerifiedServer: false,
      refusals,
      asked: 0,
      login(): Promise<Login> {
        this.asked += 1;
        return Promise.resolve({ password: (left.length > 1 ? left.shift() : left[0]) ?? "" });
      },
      refused: ({ password }) => void refusals.push(password),
    };
  }

  it("is asked for once more when it is refused", async () => {
    const login = source("old", role.password());
    expect(await ask(poolOf(role.url, login))).toBe(role.name);
    expect(login.refusals).toEqual(["old"]);
    expect(login.asked).toBe(2);
  });

  it("ends the start when the fresh one is refused as well", async () => {
    const login = source("canary-1", "canary-2", role.password());
    const error: unknown = await ask(poolOf(role.url, login)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "database.credentials", sqlState: "28P01", retryable: false });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("canary");
    expect(login.refusals).toEqual(["canary-1", "canary-2"]);
  });

  it("may be tried again once one was accepted: the next may be under way", async () => {
    const login = source(role.password(), "between");
    const pool = poolOf(role.url, login);
    await ask(pool);
    await role.rotate();
    await ask(pool).catch(() => {});
    await expect(ask(pool)).rejects.toMatchObject({ code: "database.credentials", retryable: true });
  });

  it("is asked for by each new connection, and by no statement", async () => {
    const login = source(role.password());
    const pool = poolOf(role.url, login);
    for (let times = 0; times < 5; times += 1) await ask(pool);
    expect(login.asked).toBe(1);
    const connections = await Promise.all([pool.connect(), pool.connect()]);
    for (const connection of connections) connection.release();
    expect(login.asked).toBe(2);
  });

  it("is read from its file anew", async () => {
    const file = join(folder, "password");
    await writeFile(file, `${role.password()}\r\n`);
    const pool = poolOf(role.url, passwordFile(file), 1);
    expect(await ask(pool)).toBe(role.name);
    await role.rotate();
    await writeFile(file, role.password());
    await ask(pool).catch(() => {});
    expect(await ask(pool)).toBe(role.name);
  });

  it("may be missing from its file for a moment, once one was accepted", async () => {
    const file = join(folder, "password");
    await writeFile(file, role.password());
    const pool = poolOf(role.url, passwordFile(file), 1);
    await ask(pool);
    await role.rotate();
    await writeFile(file, "");
    await ask(pool).catch(() => {});
    await expect(ask(pool)).rejects.toMatchObject({ code: "database.credentials", retryable: true });
    await writeFile(file, role.password());
    expect(await ask(pool)).toBe(role.name);
  });

  it.each([
    ["is empty", ""],
    ["is empty", "\n"],
    ["holds more than a password", "canary\ncanary\n"],
    ["holds more than a password", "canary".repeat(20_000)],
  ])("is not taken from a file that %s", async (what, text) => {
    const file = join(folder, "password");
    await writeFile(file, text);
    const error: unknown = await ask(poolOf(role.url, passwordFile(file))).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "database.credentials", message: `the password file ${file} ${what}` });
    expect(inspect(error)).not.toContain("canary");
  });

  it("names the file that is not there", async () => {
    const file = join(folder, "nowhere");
    await expect(ask(poolOf(role.url, passwordFile(file)))).rejects.toMatchObject({
      code: "database.credentials",
      retryable: false,
      message: `the password file ${file} cannot be read (ENOENT)`,
    });
  });

  it.each(["PGPASSFILE", "passfile"])(
    "is found in libpq's password file (%s), without a word of the driver's",
    async (by) => {
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const file = join(folder, "passes");
      const url = new URL(role.url);
      await writeFile(file, `other:5432:*:*:x\n${url.hostname}:${url.port}:*:${role.name}:${role.password()}\n`, {
        mode: 0o600,
      });
      if (by === "PGPASSFILE") vi.stubEnv("PGPASSFILE", file);
      else url.searchParams.set("passfile", file);
      expect(await ask(poolOf(url.href))).toBe(role.name);
      await chmod(file, 0o644);
      await expect(ask(poolOf(url.href))).rejects.toMatchObject({
        code: "database.credentials",
        hint: expect.stringContaining("mode 0600"),
      });
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
    },
  );

  it("of a secret is asked for once for each rotation, however many connections are refused", async () => {
    const secrets = await startSecretsFake();
    for (const [name, value] of Object.entries(secrets.environment)) vi.stubEnv(name, value);
    const publish = (): Promise<void> =>
      secrets.put(JSON.stringify({ username: role.name, password: role.password(), host: "elsewhere" }));
    await publish();
    const url = new URL(role.url);
    // The secret tells who logs in: alternating users are rotated so.
    url.username = "somebody_else";
    const pool = poolOf(url.href, secretPassword(secrets.arn), 4);
    const all = async (): Promise<void> => {
      const connections = await Promise.all(Array.from({ length: 4 }, () => pool.connect()));
      for (const connection of connections) connection.destroy();
    };
    await all();
    await all();
    expect(secrets.asked()).toBe(1);
    expect(pool.place.user).toBe(role.name);
    await role.rotate();
    await publish();
    await all();
    await all();
    expect(secrets.asked()).toBe(2);
    await secrets.stop();
  });
});

describe("a secret that gives no password", () => {
  it.each([
    [400, "ResourceNotFoundException", "secrets.unusable", false],
    [400, "AccessDeniedException", "secrets.unusable", false],
    [400, "ThrottlingException", "secrets.unavailable", true],
    [400, "UnrecognizedClientException", "queue.credentials", false],
    [500, "InternalServiceError", "secrets.unavailable", true],
    [403, null, "secrets.unusable", false],
  ])("%s %s is %s", async (status, type, code, retryable) => {
    const secrets = await startSecretsFake();
    for (const [name, value] of Object.entries({ ...secrets.environment, AWS_MAX_ATTEMPTS: "1" }))
      vi.stubEnv(name, value);
    secrets.answerWith(status, type);
    const error: unknown = await ask(
      poolOf(inject("serverUrl").replace(/:\/\/[^@]*/, "://x"), secretPassword(secrets.arn)),
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, retryable, hint: expect.any(String) });
    expect((error as Error).message).not.toContain("canary");
    await secrets.stop();
  });

  it("is JSON without one", async () => {
    const secrets = await startSecretsFake();
    for (const [name, value] of Object.entries(secrets.environment)) vi.stubEnv(name, value);
    await secrets.put('{"username":"canary"}');
    const pool = poolOf(inject("serverUrl").replace(/:\/\/[^@]*/, "://x"), secretPassword(secrets.arn));
    await expect(ask(pool)).rejects.toMatchObject({
      code: "secrets.unusable",
      message: `the secret ${secrets.arn} is JSON without a password`,
    });
    await secrets.stop();
  });
});

describe("of several hosts", () => {
  let standby: PostgresFront;
  let primary: PostgresFront;
  beforeEach(async () => {
    standby = await startPostgresFront(inject("serverUrl"), true);
    primary = await startPostgresFront(inject("serverUrl"), false);
  });
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close();
    await standby.stop();
    await primary.stop();
  });
  const urlOf = (...addresses: readonly string[]): string =>
    inject("serverUrl").replace(/@[^/]*/, `@${addresses.join(",")}`);
  const addressOf = async (pool: PostgresPool): Promise<string> => {
    const connection = await pool.connect();
    connection.release();
    return connection.link.address;
  };

  it("the one that takes writes is found, and stayed with", async () => {
    const pool = poolOf(urlOf("127.0.0.1:1", standby.address, primary.address), null, 3);
    expect(await addressOf(pool)).toBe(primary.address);
    const connections = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
    expect(connections.map(({ link }) => link.address)).toEqual(Array<string>(3).fill(primary.address));
    for (const connection of connections) connection.destroy();
    expect(standby.connections()).toBe(1);
  });

  it("none may take writes: that is said, and may pass", async () => {
    primary.setReadOnly(true);
    await expect(addressOf(poolOf(urlOf(standby.address, primary.address)))).rejects.toMatchObject({
      code: "database.unavailable",
      retryable: true,
      message: "none of the PostgreSQL servers takes writes",
    });
    await expect(addressOf(poolOf(`${urlOf(standby.address)}&target_session_attrs=read-write`))).rejects.toMatchObject({
      code: "database.unavailable",
    });
  });

  it("a refused password is tried at no other", async () => {
    const url = urlOf(primary.address, standby.address).replace(/:\/\/([^:]+):[^@]*/, "://$1:wrong");
    await expect(addressOf(poolOf(url))).rejects.toMatchObject({ code: "database.credentials", retryable: false });
    expect(standby.connections()).toBe(0);
  });
});

describe("a run", () => {
  const MESSAGES = 2_000;
  const sqs = testSqs();
  let pipeline: LoginPipeline;
  beforeEach(async () => {
    pipeline = await createLoginPipeline(sqs, { settings: "batch: { rows: 50 }" });
  });
  afterEach(() => pipeline.remove());

  async function configure(password: string): Promise<void> {
    const file = join(pipeline.folder, "piipe.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(
      file,
      text.replace(/sink: .*/, `sink: { postgres: { url: "\${DATABASE_URL}", table: user_logins${password} } }`),
    );
  }

  it("whose password changes over and over, in a file, loses and doubles nothing", async () => {
    const file = join(folder, "password");
    const role = await createRotatingRole(pipeline.databaseUrl, ({ password }) => writeFile(file, password));
    await configure(`, password: { file: ${file} }`);
    const check = await runCli(["check"], {
      ...pipeline,
      environment: { ...pipeline.environment, DATABASE_URL: role.url },
    });
    expect(check.stdout + check.stderr).toContain(`each connection reads its password from ${file}`);
    let endRotating = (): Promise<number> => Promise.resolve(0);
    try {
      await drainLogins(pipeline, MESSAGES, role.url, () => (endRotating = role.keepRotating(400)));
    } finally {
      expect(await endRotating()).toBeGreaterThan(1);
      await role.drop();
    }
  });

  it("whose first host becomes a standby, and the second the primary, goes on", async () => {
    const url = directUrl(pipeline.databaseUrl);
    const [first, second] = [await startPostgresFront(url, false), await startPostgresFront(url, true)];
    await configure("");
    const both = url.replace(/@[^/]*/, `@${first.address},${second.address}`);
    try {
      await drainLogins(pipeline, MESSAGES, both, () => {
        first.setReadOnly(true);
        second.setReadOnly(false);
      });
      expect(second.connections()).toBeGreaterThan(0);
    } finally {
      await first.stop();
      await second.stop();
    }
  });
});

it("a keyring in a secret makes the tokens that its file makes", async () => {
  const pipeline = await createLoginPipeline(testSqs());
  const secrets = await startSecretsFake();
  await secrets.put(await readFile(join(pipeline.folder, "piipe.keys.json"), "utf8"));
  const options = { ...pipeline, environment: { ...pipeline.environment, ...secrets.environment }, stdin: EVENT };
  const fromFile = await runCli(["mask"], options);
  expect(fromFile.stdout).toContain("h1_");
  const file = join(pipeline.folder, "piipe.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("file: ./piipe.keys.json", `secret: "${secrets.arn}"`));
  expect(await runCli(["mask"], options)).toMatchObject({ code: 0, stdout: fromFile.stdout });
  expect(secrets.asked()).toBe(1);
  secrets.answerWith(400, "AccessDeniedException");
  const denied = await runCli(["mask"], options);
  expect(denied).toMatchObject({ code: 4, stdout: "" });
  expect(denied.stderr).toContain("[secrets.unusable]");
  await secrets.stop();
  await pipeline.remove();
});
