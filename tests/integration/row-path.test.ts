import { beforeEach, describe, expect, it } from "vitest";
import { pathRemarks } from "../../src/app/path-remarks.ts";
import { Secret } from "../../src/config/secret.ts";
import type { PiipeError } from "../../src/errors.ts";
import { openPool } from "../../src/postgres/connection.ts";
import { checkTable } from "../../src/write/check-table.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable, type TargetTable } from "../../src/write/target-table.ts";
import { batchOf, column, record, refusedEvent } from "../support/masked-records.ts";
import { writtenOne } from "../support/one-table.ts";
import { migratedDatabase, query, renewSessions } from "../support/postgres.ts";

const NEVER = new AbortController().signal;
const COLUMNS = [column("n", "integer"), column("day", "date", { nullable: true })];

const database = migratedDatabase();
beforeEach(async () => {
  await sql(`DROP SCHEMA public CASCADE; CREATE SCHEMA public; TRUNCATE piipe.ledger;
    DROP FOREIGN DATA WRAPPER IF EXISTS dummy CASCADE`);
});

const sql = (text: string) => query<Record<string, unknown>>(database.url, text);
const count = async (from: string): Promise<number> =>
  Number((await sql(`SELECT count(*) AS n FROM ${from}`))[0]?.["n"]);

async function tableOf(ddl: string): Promise<TargetTable> {
  await sql(ddl);
  return readTargetTable(database.pool, { schema: null, name: "events" });
}

function sinkOn(table: TargetTable): PostgresSink {
  checkTable(table, COLUMNS, new Map());
  return new PostgresSink({
    pool: database.pool,
    written: writtenOne(table, COLUMNS),
    sourceName: "arn:aws:sqs:x:0:events",
    claim: "ledger",
  });
}

const numbered = (amount: number, day: string | null = null) =>
  Array.from({ length: amount }, (_, n) => record([n, day]));

const PLAIN = "CREATE TABLE events (n integer, day date);";
const FUNCTION = (name: string, body: string): string =>
  `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$;`;
const BEFORE = (name: string, on = "events"): string =>
  `CREATE TRIGGER ${name} BEFORE INSERT ON ${on} FOR EACH ROW EXECUTE PROCEDURE ${name}();`;
const KEEPS_EVEN = FUNCTION("keeps_even", "IF NEW.n % 2 = 1 THEN RETURN NULL; END IF; RETURN NEW;");

/** What the owner of a table has set, and how many of five rows, numbered from 0, are then skipped. */
const HOOKS: ReadonlyArray<{
  readonly what: string;
  readonly ddl: string;
  readonly hooks: readonly string[];
  readonly skipped: number;
  readonly stored?: number;
  readonly counted?: string;
}> = [
  {
    what: "a trigger that drops some rows",
    ddl: PLAIN + KEEPS_EVEN + BEFORE("keeps_even"),
    hooks: ["keeps_even"],
    skipped: 2,
  },
  {
    what: "a trigger that drops all rows",
    ddl: PLAIN + FUNCTION("keeps_none", "RETURN NULL;") + BEFORE("keeps_none"),
    hooks: ["keeps_none"],
    skipped: 5,
  },
  {
    what: "a trigger that changes rows",
    ddl: PLAIN + FUNCTION("renumbers", "NEW.n := NEW.n + 100; RETURN NEW;") + BEFORE("renumbers"),
    hooks: ["renumbers"],
    skipped: 0,
  },
  {
    what: "a disabled trigger",
    ddl: PLAIN + KEEPS_EVEN + BEFORE("keeps_even") + "ALTER TABLE events DISABLE TRIGGER keeps_even;",
    hooks: [],
    skipped: 0,
  },
  {
    what: "a trigger that routes to a child, as partitions were made before PostgreSQL 10",
    ddl:
      PLAIN +
      "CREATE TABLE events_2026 () INHERITS (events);" +
      FUNCTION("routes", "INSERT INTO events_2026 VALUES (NEW.*); RETURN NULL;") +
      BEFORE("routes"),
    hooks: ["routes"],
    skipped: 0,
  },
  {
    what: "a trigger that routes some rows, keeps some and drops some",
    ddl:
      PLAIN +
      "CREATE TABLE events_2026 () INHERITS (events);" +
      FUNCTION(
        "sorts",
        "IF NEW.n = 0 THEN RETURN NULL; ELSIF NEW.n < 3 THEN RETURN NEW; END IF; INSERT INTO events_2026 VALUES (NEW.*); RETURN NULL;",
      ) +
      BEFORE("sorts"),
    hooks: ["sorts"],
    skipped: 1,
  },
  {
    what: "a trigger of a partition",
    ddl:
      "CREATE TABLE events (n integer, day date) PARTITION BY LIST (n);" +
      "CREATE TABLE events_some PARTITION OF events FOR VALUES IN (0, 1, 2, 3, 4);" +
      KEEPS_EVEN +
      BEFORE("keeps_even", "events_some"),
    hooks: ["keeps_even"],
    skipped: 2,
  },
  {
    what: "a rule that discards all rows",
    ddl: PLAIN + "CREATE RULE discards AS ON INSERT TO events DO INSTEAD NOTHING;",
    hooks: ["discards"],
    skipped: 5,
  },
  {
    what: "a rule that discards some rows",
    ddl: PLAIN + "CREATE RULE discards AS ON INSERT TO events WHERE NEW.n < 2 DO INSTEAD NOTHING;",
    hooks: ["discards"],
    skipped: 2,
  },
  {
    what: "rules that route some rows to a child",
    ddl:
      PLAIN +
      "CREATE TABLE events_low () INHERITS (events);" +
      "CREATE RULE low AS ON INSERT TO events WHERE NEW.n < 2 DO INSTEAD INSERT INTO events_low VALUES (NEW.n, NEW.day);",
    hooks: ["low"],
    skipped: 0,
  },
  {
    what: "a rule that writes another table as well",
    ddl:
      PLAIN +
      "CREATE TABLE audit (n integer);" +
      "CREATE RULE also AS ON INSERT TO events DO ALSO INSERT INTO audit VALUES (NEW.n);",
    hooks: ["also"],
    skipped: 0,
  },
  {
    what: "such a rule, and a trigger that drops some rows",
    ddl:
      PLAIN +
      "CREATE TABLE audit (n integer);" +
      "CREATE RULE also AS ON INSERT TO events DO ALSO INSERT INTO audit VALUES (NEW.n);" +
      KEEPS_EVEN +
      BEFORE("keeps_even"),
    hooks: ["keeps_even", "also"],
    skipped: 2,
  },
  {
    what: "a view over a table with a trigger",
    ddl:
      "CREATE TABLE base (n integer, day date); CREATE VIEW events AS SELECT n, day FROM base;" +
      KEEPS_EVEN +
      BEFORE("keeps_even", "base"),
    hooks: ["keeps_even"],
    skipped: 2,
  },
  {
    what: "a view with a trigger of its own",
    ddl:
      "CREATE TABLE base (n integer, day date); CREATE VIEW events AS SELECT n, day FROM base UNION ALL SELECT n, day FROM base WHERE false;" +
      FUNCTION("puts", "IF NEW.n = 4 THEN RETURN NULL; END IF; INSERT INTO base VALUES (NEW.n, NEW.day); RETURN NEW;") +
      "CREATE TRIGGER puts INSTEAD OF INSERT ON events FOR EACH ROW EXECUTE PROCEDURE puts();",
    hooks: ["puts"],
    skipped: 1,
  },
];

describe("rows whose fate a trigger or rule decides", () => {
  it.each(HOOKS)("are counted by what is there: $what", async ({ ddl, hooks, skipped }) => {
    const table = await tableOf(ddl);
    expect(table.path.hooks.map(({ name }) => name)).toEqual(hooks);
    const sink = sinkOn(table);
    const batch = batchOf(numbered(5));
    const outcome = await sink.write(batch, NEVER);
    expect(outcome.records).toEqual(Array(5).fill({ kind: "stored" }));
    expect(outcome.skipped ?? 0).toBe(skipped);
    expect(await count("events")).toBe(5 - skipped);
    expect(await count("piipe.ledger")).toBe(5);
    // Decided once: what comes again is not put before the trigger again.
    expect((await sink.write(batch, NEVER)).records).toEqual(Array(5).fill({ kind: "duplicate" }));
    expect((await sink.write(batchOf(numbered(5)), NEVER)).skipped ?? 0).toBe(skipped);
    expect(await count("events")).toBe(10 - 2 * skipped);
  });

  it("are counted beside those that PostgreSQL refuses, in each transaction", async () => {
    const sink = sinkOn(
      await tableOf(`CREATE TABLE events (n integer CHECK (n <> 2), day date); ${KEEPS_EVEN} ${BEFORE("keeps_even")}`),
    );
    const { records, skipped } = await sink.write(batchOf(numbered(7)), NEVER);
    expect(records.map(({ kind }) => kind)).toEqual(
      Array.from({ length: 7 }, (_, n) => (n === 2 ? "rejected" : "stored")),
    );
    expect(skipped).toBe(3);
    expect(await count("events")).toBe(3);
  });

  it("of the quarantine itself are missed: nothing is settled that is not there", async () => {
    const sink = sinkOn(await tableOf(PLAIN));
    await sql(`${FUNCTION("swallows", "RETURN NULL;")}
      CREATE TRIGGER swallows BEFORE INSERT ON piipe.quarantine FOR EACH ROW EXECUTE PROCEDURE swallows()`);
    await expect(sink.write(batchOf(numbered(2), [refusedEvent()]), NEVER)).rejects.toMatchObject({
      code: "database.refused",
      retryable: false,
    });
    expect([await count("events"), await count("piipe.ledger")]).toEqual([0, 0]);
  });

  it("are those that fire: another role of the session has others, and is told of", async () => {
    await sql(`${PLAIN} ${KEEPS_EVEN} ${BEFORE("keeps_even")}`);
    const name = new URL(database.url).pathname.slice(1);
    await sql(`ALTER DATABASE ${name} SET session_replication_role = 'replica'`);
    await renewSessions(database.url);
    const other = openPool({ url: new Secret(database.url), connectionsMax: 1 });
    const { path } = await readTargetTable(other, { schema: null, name: "events" });
    await other.close();
    await sql(`ALTER DATABASE ${name} RESET session_replication_role`);
    await renewSessions(database.url);
    expect(path).toEqual({ hooks: [], foreignTable: null, isReplica: true });
  });

  it("are told of, with the name of what decides and what to do", async () => {
    const { path } = await tableOf(
      `${PLAIN} ${KEEPS_EVEN} ${BEFORE("keeps_even")} CREATE RULE low AS ON INSERT TO events WHERE NEW.n < 0 DO INSTEAD NOTHING`,
    );
    const remarks = pathRemarks(path).map(({ text }) => text);
    expect(remarks).toEqual([
      expect.stringContaining("the trigger keeps_even of public.events (BEFORE)"),
      expect.stringContaining("the rule low of public.events (DO INSTEAD)"),
    ]);
    expect(pathRemarks({ hooks: [], foreignTable: null, isReplica: true })[0]?.text).toContain(
      "session_replication_role",
    );
    expect(pathRemarks({ hooks: [], foreignTable: null, isReplica: false })).toEqual([]);
  });
});

const FOREIGN = "CREATE FOREIGN DATA WRAPPER dummy; CREATE SERVER elsewhere FOREIGN DATA WRAPPER dummy;";

describe("a foreign table", () => {
  it.each([
    [
      "the table itself",
      "CREATE FOREIGN TABLE events (n integer, day date) SERVER elsewhere",
      "public.events is a foreign table",
    ],
    [
      "a partition",
      `CREATE TABLE events (n integer, day date) PARTITION BY LIST (n);
       CREATE FOREIGN TABLE far PARTITION OF events FOR VALUES IN (1) SERVER elsewhere`,
      "the foreign table public.far",
    ],
    [
      "a partition of a partition",
      `CREATE TABLE events (n integer, day date) PARTITION BY LIST (n);
       CREATE TABLE near PARTITION OF events FOR VALUES IN (1) PARTITION BY LIST (day);
       CREATE FOREIGN TABLE far PARTITION OF near FOR VALUES IN ('2026-01-01') SERVER elsewhere`,
      "the foreign table public.far",
    ],
    [
      "a child",
      `${PLAIN} CREATE FOREIGN TABLE far () INHERITS (events) SERVER elsewhere`,
      "the foreign table public.far",
    ],
    [
      "what a view shows",
      `CREATE FOREIGN TABLE far (n integer, day date) SERVER elsewhere; CREATE VIEW near AS SELECT * FROM far;
       CREATE VIEW events AS SELECT * FROM near`,
      "the foreign table public.far",
    ],
    [
      "where a rule sends rows",
      `${PLAIN} CREATE FOREIGN TABLE far (n integer) SERVER elsewhere;
       CREATE RULE sends AS ON INSERT TO events DO ALSO INSERT INTO far VALUES (NEW.n)`,
      "the foreign table public.far",
    ],
  ])("is refused as %s, with the reason", async (_, ddl, text) => {
    const table = await tableOf(FOREIGN + ddl);
    const check = (): void => checkTable(table, COLUMNS, new Map());
    expect(check).toThrow(text);
    expect(check).toThrow("its server commits on its own");
    expect(check).toThrow(expect.objectContaining({ code: "database.table-mismatch" }) as PiipeError);
  });

  it("elsewhere in the database is nobody's business", async () => {
    const table = await tableOf(`${FOREIGN} ${PLAIN} CREATE FOREIGN TABLE far (n integer) SERVER elsewhere`);
    expect(table.path.foreignTable).toBeNull();
    expect((await sinkOn(table).write(batchOf(numbered(2)), NEVER)).skipped).toBeUndefined();
  });
});
