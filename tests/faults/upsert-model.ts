import { randomUUID } from "node:crypto";
import { beforeAll, expect, it } from "vitest";
import { parseConfig } from "../../src/config/load-config.ts";
import type { BatchOutcome, OnConflict } from "../../src/pipeline/contracts.ts";
import { batchOf, refusedEvent } from "../support/masked-records.ts";
import { migratedDatabase, query } from "../support/postgres.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { type EventStore, openStore, type SentEvent } from "../support/store-events.ts";

const WRITERS = [1, 2, 4, 8];
const MESSAGES_MAX = 16;
const KEYS_MAX = 5;
const NEWEST_MAX = 9;

const LOOK = `SELECT json_build_object(
  'states', (SELECT json_agg(states) FROM states WHERE key LIKE $1),
  'log', (SELECT json_agg(id) FROM log WHERE key LIKE $1)
)::text AS found`;

interface Event {
  readonly key: string;
  readonly newest: number | null;
  readonly content: string;
}
interface Found {
  readonly states?: readonly Event[] | null;
  readonly log?: readonly string[] | null;
}
type Message = SentEvent & { readonly event: Event };

/**
 * Random deliveries of messages into a real PostgreSQL: reordered, repeated, at once, refused first and replayed. What is in
 * the tables then is what a model holds, and no write fails. Beside the table with `onConflict` stands one that takes each
 * message once.
 */
export function testUpsertSeeds(seeds: number): void {
  const database = migratedDatabase(Math.max(...WRITERS));
  // Against hangs only.
  const timeoutMs = 120_000 + seeds * 2_000;
  const rules = {
    newest: { key: ["key"], do: "update", newest: "newest" },
    last: { key: ["key"], do: "update", newest: null },
    ignore: { key: ["key"], do: "ignore", newest: null },
  } as const satisfies Readonly<Record<string, OnConflict>>;

  beforeAll(async () => {
    await query(
      database.url,
      "CREATE TABLE states (key text PRIMARY KEY, newest integer, content text NOT NULL); CREATE TABLE log (id text, key text)",
    );
  });

  const open = (name: keyof typeof rules): Promise<EventStore> => {
    const { newest, ...rule } = rules[name];
    const columns = {
      key: { type: "text" },
      newest: { type: "integer", nullable: true },
      content: { type: "text" },
    } as const;
    const tables = {
      states: { onConflict: { ...rule, key: "key", ...(newest !== null && { newest }) }, columns },
      log: { columns: { id: { from: "@message_id", type: "text" }, key: { type: "text" } } },
    } as const;
    const source = { sqs: { queue: "states" } };
    const sink = { postgres: { url: "postgres://localhost/db" } };
    return openStore(parseConfig({ source, sink, tables }, { baseFolder: "/" }), database.pool);
  };

  /** What the tables have of a seed, and how often rows were inserted by what the outcomes say. */
  const compare = async (
    prefix: string,
    messages: readonly Message[],
    outcomes: readonly BatchOutcome[],
  ): Promise<ReadonlyMap<string, Event>> => {
    const { rows } = await database.pool.query("looking", LOOK, [`${prefix}%`]);
    const { states = null, log = null } = JSON.parse(rows[0]?.["found"] ?? "{}") as Found;
    expect(log?.toSorted()).toEqual(messages.map(({ id }) => id).toSorted());
    if (states === null) throw new Error("there are no states");
    const sum = (of: (outcome: BatchOutcome) => number | undefined): number =>
      outcomes.reduce((total, outcome) => total + (of(outcome) ?? 0), 0);
    expect(sum(({ inserted }) => inserted)).toBe(states.length);
    // Each message comes to its rows once.
    expect(sum(({ inserted = 0, updated = 0, ignored = 0 }) => inserted + updated + ignored)).toBe(messages.length);
    expect(states.map(({ key }) => key).toSorted()).toEqual(
      [...new Set(messages.map(({ event }) => event.key))].toSorted(),
    );
    return new Map(states.map((state) => [state.key, state]));
  };

  it(
    `update with newest ends with the newest of each key, ${seeds} seeds`,
    async () => {
      const store = await open("newest");
      await forEachSeed(seeds, async (random, prefix) => {
        const messages = messagesOf(random, prefix, ({ key, newest }) => `${key} ${newest}`);
        const states = await compare(prefix, messages, await deliver(store, messages, random));
        for (const { key, newest } of states.values()) {
          const all = messages.flatMap(({ event }) => (event.key === key ? [event.newest ?? -1] : []));
          expect({ key, newest: newest ?? -1 }).toEqual({ key, newest: Math.max(...all) });
          expect(states.get(key)?.content).toBe(`${key} ${newest}`);
        }
      });
    },
    timeoutMs,
  );

  it(
    `ignore keeps one row of each key, the first where one writer stores all, ${seeds} seeds`,
    async () => {
      const store = await open("ignore");
      await forEachSeed(seeds, async (random, prefix) => {
        const messages = messagesOf(random, prefix, () => randomUUID());
        const isOrdered = random.chance(0.3);
        const outcomes = isOrdered
          ? await deliverInOrder(store, messages, random)
          : await deliver(store, messages, random);
        for (const { key, content } of (await compare(prefix, messages, outcomes)).values()) {
          const all = messages.flatMap(({ event }) => (event.key === key ? [event.content] : []));
          expect(isOrdered ? [all[0]] : all).toContain(content);
        }
      });
    },
    timeoutMs,
  );

  it(
    `update in the order of a FIFO queue ends with the last of each key, ${seeds} seeds`,
    async () => {
      const store = await open("last");
      await forEachSeed(seeds, async (random, prefix) => {
        const messages = messagesOf(random, prefix, () => randomUUID());
        const states = await compare(prefix, messages, await deliverInOrder(store, messages, random));
        for (const { key, content } of states.values())
          expect(content).toBe(messages.findLast(({ event }) => event.key === key)?.event.content);
      });
    },
    timeoutMs,
  );
}

async function forEachSeed(seeds: number, run: (random: SeededRandom, prefix: string) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= seeds; seed += 1) {
    try {
      await run(new SeededRandom(seed), `${randomUUID()} `);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

function messagesOf(
  random: SeededRandom,
  prefix: string,
  contentOf: (event: Pick<Event, "key" | "newest">) => string,
): readonly Message[] {
  const keys = 1 + random.below(KEYS_MAX);
  return Array.from({ length: 1 + random.below(MESSAGES_MAX) }, () => {
    const key = `${prefix}${random.below(keys)}`;
    const newest = random.chance(0.15) ? null : random.below(NEWEST_MAX);
    return { id: randomUUID(), event: { key, newest, content: contentOf({ key, newest }) } };
  });
}

/** Each message one to three times, in batches of chance, by up to eight writers; some refused first, and then replayed. */
async function deliver(store: EventStore, messages: readonly Message[], random: SeededRandom): Promise<BatchOutcome[]> {
  const refused = messages.filter(() => random.chance(0.25));
  await store.sink.write(
    batchOf(
      [],
      refused.map(({ id }) => refusedEvent(id)),
    ),
    new AbortController().signal,
  );
  const isRefused = new Set(refused);
  const deliveries = messages.flatMap((message) => {
    const times = 1 + random.below(3);
    const ways = Array.from({ length: times }, (): "ledger" | "quarantine" =>
      isRefused.has(message) && random.chance(0.6) ? "quarantine" : "ledger",
    );
    // The last way of what was refused is a replay: no redelivery stores it.
    if (isRefused.has(message)) ways.push("quarantine");
    return ways.map((claim) => ({ message, claim }));
  });
  const writers = random.pick(WRITERS);
  const shuffled = random.shuffle(deliveries);
  const outcomes: BatchOutcome[] = [];
  const writer = async (mine: typeof shuffled): Promise<void> => {
    let left = mine;
    while (left.length > 0) {
      const [first] = left;
      const batch: typeof shuffled = [];
      const size = 1 + random.below(8);
      for (const delivery of left) {
        if (batch.length >= size || delivery.claim !== first?.claim) break;
        if (batch.some(({ message }) => message === delivery.message)) break;
        batch.push(delivery);
      }
      left = left.slice(batch.length);
      outcomes.push(
        await store.store(
          batch.map(({ message }) => message),
          { claim: first?.claim ?? "ledger" },
        ),
      );
    }
  };
  await Promise.all(
    Array.from({ length: writers }, (_, place) => writer(shuffled.filter((__, index) => index % writers === place))),
  );
  return outcomes;
}

/** As a FIFO queue gives them: what was not deleted comes again before what follows, and perhaps to two workers at once. */
async function deliverInOrder(
  store: EventStore,
  messages: readonly Message[],
  random: SeededRandom,
): Promise<BatchOutcome[]> {
  const outcomes: BatchOutcome[] = [];
  let next = 0;
  while (next < messages.length) {
    const batch = messages.slice(next, next + 1 + random.below(8));
    const workers = random.chance(0.2) ? 2 : 1;
    outcomes.push(
      ...(await Promise.all(Array.from({ length: workers }, () => store.store(batch, { rejectedMax: 1 })))),
    );
    // Some deletes are lost.
    next += random.chance(0.2) ? random.below(batch.length) : batch.length;
  }
  return outcomes;
}
