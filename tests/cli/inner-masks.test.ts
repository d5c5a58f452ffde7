import { createHash } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { directUrl, endIdleSessions, query, scansOf } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { type TokenScenario, tokenScenario } from "../support/token-scenario.ts";
import { until } from "../support/until.ts";

const sqs = testSqs();
const pipelines: LoginPipeline[] = [];

afterAll(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
});

const COLUMNS = `
  user_id: { type: text }
  email: { from: customer.email, type: text, mask: hmac-sha256, reveal: true }
  context:
    type: json
    nullable: true
    masks:
      ip: { type: ip, mask: hmac-sha256 }
      "devices[].id": { mask: hmac-sha256, reveal: true }
      "items[].gift_to": { mask: hmac-sha256, key: email }
      "address.city": { mask: hmac-sha256 }
      "phones[]": { mask: fpe-ff1, digits: 9, keyVersion: 1 }
      secret: drop
      note: redact
`;

interface Orders {
  readonly pipeline: LoginPipeline;
  readonly steps: TokenScenario;
  readonly land: (...bodies: readonly object[]) => Promise<void>;
  readonly contexts: () => Promise<readonly Context[]>;
}

interface Context {
  readonly ip: string;
  readonly devices: readonly { readonly id: string }[];
  readonly items: readonly { readonly gift_to: string; readonly title: string }[];
  readonly address: { readonly city: string };
  readonly phones: readonly string[];
  readonly secret: null;
  readonly note: string;
}

async function orders(type: string, columns = COLUMNS): Promise<Orders> {
  const pipeline = await createLoginPipeline(sqs, { columns });
  pipelines.push(pipeline);
  await query(pipeline.databaseUrl, `ALTER TABLE user_logins ADD COLUMN email text, ADD COLUMN context ${type}`);
  const steps = tokenScenario(pipeline, sqs);
  await steps.must("migrate");
  return {
    pipeline,
    steps,
    async land(...bodies) {
      await sqs.send(
        pipeline.queue.url,
        bodies.map((body) => JSON.stringify(body)),
      );
      await steps.must("run", "--until-empty");
    },
    contexts: async () =>
      (
        await query<{ context: Context }>(
          pipeline.databaseUrl,
          "SELECT context::jsonb AS context FROM user_logins WHERE context IS NOT NULL ORDER BY user_id",
        )
      ).map(({ context }) => context),
  };
}

const order = (user: string, changes: Readonly<Record<string, unknown>> = {}, email = `${user}@example.com`) => ({
  user_id: user,
  customer: { email },
  context: {
    ip: "203.0.113.9",
    devices: [{ id: `device-${user}-1` }, { id: `device-${user}-2`, os: { name: "ios" } }],
    items: [{ gift_to: "Jane@Example.com", title: "Berlin Marathon T-Shirt", price: 1 }],
    address: { city: "Berlin", "zip code": null },
    phones: ["593-47-5928"],
    secret: "tell nobody",
    note: "ring twice, please",
    "ip ": "decoy",
    ...changes,
  },
});

const count = async ({ pipeline }: Orders, where: string): Promise<number> =>
  Number(
    (await query<{ n: string }>(pipeline.databaseUrl, `SELECT count(*) AS n FROM user_logins WHERE ${where}`))[0]?.n,
  );

const json = (stdout: string): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

describe.each(["jsonb", "json", "text"])("masks inside a column of %s", { timeout: 120_000 }, (type) => {
  it("store tokens in their places, equal across columns of one key, and lookup, reveal and erase find them", async () => {
    const shop = await orders(type);
    await shop.land(order("u1"), order("u2", {}, "jane@example.com"), order("u3", { ip: null, devices: [] }));
    const [first, second, third] = await shop.contexts();
    expect(first).toMatchObject({
      ip: expect.stringMatching(/^h1_[\w-]{43}$/) as string,
      items: [{ gift_to: expect.stringMatching(/^h1_/) as string, title: "Berlin Marathon T-Shirt", price: 1 }],
      address: { city: expect.stringMatching(/^h1_/) as string, "zip code": null },
      phones: [expect.stringMatching(/^\d{3}-\d\d-\d{4}$/) as string],
      secret: null,
      note: "[redacted]",
      "ip ": "decoy",
    });
    expect(third).toMatchObject({ ip: null, devices: [] });
    expect(new Set([first, second].flatMap((context) => context?.devices.map(({ id }) => id) ?? [])).size).toBe(4);
    // Another column's token of the same value, under the same key.
    expect(await count(shop, `email = '${first?.items[0]?.gift_to}'`)).toBe(1);
    const dump = await shop.steps.dump();
    for (const raw of ["203.0.113", "device-u", "jane", "tell nobody", "ring twice", "593-47-5928"]) {
      expect(dump.toLowerCase()).not.toContain(raw);
    }

    const lookUp = async (...args: readonly string[]) =>
      json((await shop.steps.must("lookup", ...args, "--json")).stdout);
    expect(await lookUp("context.ip", "203.0.113.9")).toMatchObject({
      rows: 2,
      users: 2,
      tokens: [{ column: "context.ip", token: first?.ip, rows: 2 }],
    });
    expect(await lookUp("context.devices[].id", "device-u2-2")).toMatchObject({ rows: 1 });
    expect(await lookUp("context.devices[].id", "203.0.113.9")).toMatchObject({ rows: 0 });
    expect(await lookUp("context.phones[]", "593 47 5928")).toMatchObject({ rows: 3 });
    // By the name of the key, in every column that has it.
    expect(await lookUp("email", "JANE@example.com")).toMatchObject({
      rows: 3,
      tokens: [
        { column: "email", rows: 1 },
        { column: "context.items[].gift_to", rows: 3 },
      ],
    });
    const unnamed = await shop.steps.cli(["lookup", "context", "203.0.113.9"]);
    expect(unnamed).toMatchObject({ code: 2, stderr: expect.stringContaining("context.devices[].id") as string });
    const dropped = await shop.steps.cli(["lookup", "context.secret", "x"]);
    expect(dropped).toMatchObject({ code: 2, stderr: expect.stringContaining("drop keeps nothing") as string });

    const reveal = (column: string, token: string | undefined) =>
      shop.steps.must("reveal", column, String(token), "--reason", "test");
    expect((await reveal("context.devices[].id", second?.devices[1]?.id)).stdout).toBe("device-u2-2\n");
    expect((await reveal("context.phones[]", first?.phones[0])).stdout).toBe("593-47-5928\n");
    // Sealed for the key: the token of the other column opens as well.
    expect((await reveal("email", first?.items[0]?.gift_to)).stdout).toBe("jane@example.com\n");

    const erased = json(
      (await shop.steps.must("erase", "context.devices[].id", "device-u2-1", "--yes", "--json")).stdout,
    );
    // Both of its devices; its email stays in the vault, as gift_to of other rows has the token.
    expect(erased).toMatchObject({ columns: ["context.devices[].id"], deleted: { rows: 1, links: 0, vault: 2 } });
    expect(await count(shop, "user_id = 'u2'")).toBe(0);
    expect((await reveal("email", first?.items[0]?.gift_to)).stdout).toBe("jane@example.com\n");
    const all = json(
      (await shop.steps.must("erase", "context.items[].gift_to", "jane@example.com", "--yes", "--json")).stdout,
    );
    expect(all).toMatchObject({ deleted: { rows: 2, vault: 5 } });
    expect(await query(shop.pipeline.databaseUrl, "SELECT token FROM piipe.vault")).toEqual([]);
  });

  it("are found across a rotation, rewritten after a leak, and listed as duplicates", async () => {
    const shop = await orders(type);
    await shop.land(order("u1"));
    await shop.steps.rotate(2);
    await shop.land(
      order("u2", { phones: [], devices: [{ id: "device-u1-1" }, { id: "device-u1-1" }] }, "jane@example.com"),
    );
    const duplicates = json((await shop.steps.must("duplicates", "--json")).stdout) as {
      columns: { column: string; values: { token: string; rows: number; users: number }[] }[];
    };
    const [, second] = await shop.contexts();
    const of = (column: string) => duplicates.columns.find((found) => found.column === column)?.values;
    expect(of("context.ip")).toEqual([expect.objectContaining({ token: second?.ip, rows: 2, users: 2 })]);
    expect(of("context.devices[].id")).toEqual([
      expect.objectContaining({ token: second?.devices[0]?.id, rows: 2, users: 2 }),
    ]);
    expect(of("context.items[].gift_to")).toEqual([
      expect.objectContaining({ token: second?.items[0]?.gift_to, rows: 2, users: 2 }),
    ]);
    expect(
      await query(
        shop.pipeline.databaseUrl,
        "SELECT token, rows::integer FROM piipe.user_logins_duplicates WHERE column_name = 'context.ip'",
      ),
    ).toEqual([{ token: second?.ip, rows: 2 }]);
    expect(json((await shop.steps.must("lookup", "context.ip", "203.0.113.9", "--json")).stdout)).toMatchObject({
      rows: 2,
    });

    await shop.steps.must("keys", "add", "--over");
    await shop.steps.must("keys", "promote", "3");
    const before = await shop.contexts();
    const rewrapped = json((await shop.steps.must("keys", "rewrap", "--json")).stdout) as {
      columns: { column: string; rows: number; remaining: number; unreadable: number }[];
      notRewritable: { column: string }[];
    };
    expect(
      rewrapped.columns.map(({ column, rows, remaining, unreadable }) => [column, rows, remaining, unreadable]),
    ).toEqual([
      ["email", 2, 0, 0],
      ["context.ip", 2, 0, 0],
      ["context.devices[].id", 2, 0, 0],
      ["context.items[].gift_to", 2, 0, 0],
      ["context.address.city", 2, 0, 0],
    ]);
    expect(rewrapped.notRewritable.map(({ column }) => column)).toEqual(["context.phones[]"]);
    const after = await shop.contexts();
    expect(JSON.stringify(after)).not.toMatch(/"h[12]_/);
    const unmasked = (contexts: readonly Context[]): string => JSON.stringify(contexts).replace(/h\d_[\w-]{43}/g, "");
    expect(unmasked(after)).toBe(unmasked(before));
    // New events land on the rewritten tokens of the key that leaked; a link leads from those of the one before.
    await shop.land(order("u3", { phones: [] }));
    expect((await shop.contexts()).map(({ ip }) => ip)).toEqual([after[0]?.ip, after[1]?.ip, after[1]?.ip]);
    expect(await count(shop, "email IN (SELECT e.email FROM user_logins e WHERE user_id = 'u2')")).toBe(1);
    expect(
      (await shop.steps.must("reveal", "context.devices[].id", String(after[0]?.devices[0]?.id), "--reason", "test"))
        .stdout,
    ).toBe("device-u1-1\n");
  });
});

describe("masks inside a column", { timeout: 120_000 }, () => {
  it("take bare SHA-256 over, and tell what is none", async () => {
    const bare = (text: string): string => createHash("sha256").update(text).digest("hex");
    const shop = await orders(
      "jsonb",
      `
  user_id: { type: text }
  context: { type: json, nullable: true, masks: { "devices[].id": hmac-over-sha256 } }
`,
    );
    await query(
      shop.pipeline.databaseUrl,
      `INSERT INTO user_logins (user_id, context) VALUES ('old', $1), ('none', '{"devices":{"id":"raw"}}'), ('raw', '{"devices":[{"id":"raw-canary"},{"id":4711}]}')`,
      [JSON.stringify({ n: 1.5, devices: [{ id: bare("device-1") }, { id: bare("device-2") }, { id: null }] })],
    );
    const lookUp = await shop.steps.must("lookup", "context.devices[].id", "device-1", "--json");
    expect(json(lookUp.stdout)).toMatchObject({ rows: 1 });
    expect(lookUp.stdout).not.toContain(bare("device-1"));

    const taken = await shop.steps.cli(["keys", "takeover", "--json"]);
    expect(taken.code).toBe(3);
    expect(json(taken.stdout)).toMatchObject({
      columns: [{ column: "context.devices[].id", rows: 1, remaining: 0, unreadable: 1 }],
    });
    const check = await shop.steps.cli(["check"]);
    expect(check.stdout + check.stderr).toMatch(/context\.devices\[\]\.id: 1 of 2 sampled values are no tokens/);
    expect(taken.stdout + taken.stderr + check.stdout + check.stderr).not.toContain("canary");
    await shop.land({ user_id: "new", context: { devices: [{ id: "device-2" }] } });
    const [old] = await query<{ context: { n: number; devices: { id: string }[] } }>(
      shop.pipeline.databaseUrl,
      "SELECT context FROM user_logins WHERE user_id = 'old'",
    );
    const [fresh] = await query<{ id: string }>(
      shop.pipeline.databaseUrl,
      "SELECT context #>> '{devices,0,id}' AS id FROM user_logins WHERE user_id = 'new'",
    );
    expect(old?.context.devices.map(({ id }) => id)).toEqual([expect.stringMatching(/^w1_/), fresh?.id, null]);
    expect(old?.context.n).toBe(1.5);
  });

  it("refuse what is not of their type, and what is left with the masked value in it", async () => {
    const shop = await orders("jsonb");
    await shop.land(
      order("type", { ip: 5 }),
      order("format", { ip: "no address" }),
      order("way", { devices: { id: "x" } }),
      order("object", { note: { text: "x" } }),
      order("echo", { agent: "from 203.0.113.9" }),
      order("key", { seen: { "device-key-1": true } }),
      order("good", { title: "Berlin by night" }),
    );
    expect(await shop.pipeline.quarantined()).toEqual([
      { reason: "field.format", path: "context.ip" },
      { reason: "field.type", path: "context.devices[].id" },
      { reason: "field.type", path: "context.ip" },
      { reason: "field.type", path: "context.note" },
      { reason: "leak.echo", path: "context" },
      { reason: "leak.echo", path: "context" },
    ]);
    expect(await shop.pipeline.rows()).toBe(1);
  });

  it("are searched by an index on a jsonb column", async () => {
    const shop = await orders("jsonb");
    await shop.land(order("u1"));
    // A session reports its scans at its end, or seconds later: a pooler's would go on.
    const url = directUrl(shop.pipeline.databaseUrl);
    await query(
      url,
      `INSERT INTO user_logins (context)
       SELECT json_build_object('ip', 'h1_' || md5(n::text))::jsonb FROM generate_series(1, 50000) AS n;
       CREATE INDEX by_context ON user_logins USING gin (context jsonb_path_ops);
       ANALYZE user_logins`,
    );
    const found = await shop.steps.must("lookup", "context.devices[].id", "device-u1-2", "--json");
    expect(json(found.stdout)).toMatchObject({ rows: 1 });
    await endIdleSessions();
    await until("the scans are counted", async () => (await scansOf(url, "user_logins")).index >= 3);
    // The making of the index reads all rows once, and nothing else does.
    expect((await scansOf(url, "user_logins")).read).toBeLessThan(100_000);
  });
});
