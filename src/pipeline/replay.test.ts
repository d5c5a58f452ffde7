import { describe, expect, it } from "vitest";
import { ModelSink } from "../../tests/support/model-sink.ts";
import { rowOf } from "../../tests/support/one-table.ts";
import { systemClock } from "../clock.ts";
import { PiipeError } from "../errors.ts";
import type { HeldEvent, HeldEvents, MaskedRecord, Open, Rejection, Sink } from "./contracts.ts";
import { newReplayTotals, replay, type ReplayOptions, type ReplayStages } from "./replay.ts";

const NEVER = new AbortController().signal;

/** "Sealed" by being bytes. What begins with "locked" was sealed to another key. */
const open: Open = (sealed) => {
  const text = Buffer.from(sealed).toString();
  if (text.startsWith("locked")) throw new PiipeError("keys.invalid", "sealed to another key");
  return text;
};

function held(id: string, body: string, metadata: string | null = null): HeldEvent {
  return {
    source: "queue",
    id,
    sentAtMs: 1_000,
    attempt: 1,
    firstSeenMs: 2_000,
    sealedBody: Buffer.from(body),
    sealedMetadata: metadata === null ? null : Buffer.from(metadata),
  };
}

function setUp(pages: readonly (readonly HeldEvent[])[], overrides: Partial<ReplayStages> = {}) {
  const steps: string[] = [];
  const noted = new Map<string, Rejection>();
  const left = [...pages];
  const events: HeldEvents = {
    next: () => Promise.resolve(left.shift() ?? []),
    noteRefused: (refused) => {
      for (const [id, rejection] of refused) noted.set(id, rejection);
      return Promise.resolve();
    },
  };
  const sink = new ModelSink();
  const stages: ReplayStages = {
    events,
    sink,
    isDryRun: false,
    announce: (ids) => Promise.resolve(void steps.push(`announce ${ids.join(" ")}`)),
    open: (sealed, boundTo, source) => {
      steps.push(`open ${boundTo}`);
      expect(source).toBe("queue");
      return open(sealed, boundTo, source);
    },
    decode: ({ id, sentAtMs, receivedAtMs, groupId, attributes, body, bytes }) =>
      body.startsWith("bad")
        ? { ok: false, error: { code: "field.type", path: "ip" } }
        : {
            ok: true,
            value: {
              id,
              sentAtMs,
              rows: rowOf([body, receivedAtMs, groupId, attributes.get("tenant") ?? null, bytes]),
              unknownFields: [],
              businessId: null,
            },
          },
    mask: ({ id, sentAtMs, rows }) => ({
      ok: true,
      value: { id, sentAtMs, rows, links: [], originals: [], suspicions: [] } as unknown as MaskedRecord,
    }),
    ...overrides,
  };
  const totals = newReplayTotals();
  const run = (options: Partial<ReplayOptions> = {}): Promise<void> =>
    replay(stages, totals, {
      clock: systemClock,
      emit: () => {},
      stop: NEVER,
      abort: NEVER,
      giveUpAfterMs: 1_000,
      onPage: () => {},
      ...options,
    });
  return { sink, steps, noted, totals, run };
}

describe("replay", () => {
  it("stores what fits, notes what is refused again, leaves what it cannot open", async () => {
    const { sink, noted, totals, run } = setUp([
      [held("a", "ok"), held("b", "bad"), held("c", "locked")],
      [held("d", "ok"), held("e", "unfit")],
    ]);
    sink.unfit.add("e");
    await run();
    expect([...sink.rows.keys()]).toEqual(["a", "d"]);
    expect([...noted]).toEqual([
      ["b", { code: "field.type", path: "ip" }],
      ["e", { code: "database.constraint", path: null }],
    ]);
    expect(totals).toMatchObject({ events: 5, stored: 2, duplicate: 0, refused: 2, unopened: 1 });
    expect([...totals.refusals.values()].map(({ rejection, count }) => [rejection.code, count])).toEqual([
      ["field.type", 1],
      ["database.constraint", 1],
    ]);
  });

  it("writes no more at once than may be held of what was unpacked", async () => {
    const unpackedBytes = 3 * 1024 * 1024;
    const { sink, noted, totals, steps, run } = setUp(
      [[held("a", "ok"), held("b", "ok"), held("c", "bad"), held("d", "ok"), held("e", "locked")]],
      {
        mask: ({ id, sentAtMs, rows }) => ({
          ok: true,
          value: { id, sentAtMs, rows, suspicions: [], unpackedBytes } as unknown as MaskedRecord,
        }),
      },
    );
    await run();
    expect(sink.batchSizes).toEqual([2, 1]);
    expect(steps[0]).toBe("announce a b c d e");
    expect([...noted.keys()]).toEqual(["c"]);
    expect(totals).toMatchObject({ events: 5, stored: 3, refused: 1, unopened: 1 });
  });

  it("puts in what a body still points to, or notes why it cannot, and holds no more of it at once than it may", async () => {
    const rejection: Rejection = { code: "body.object-missing", path: "unwrap: s3" };
    const { sink, noted, totals, run } = setUp(
      [[held("a", "→"), held("b", "inline"), held("c", "→ gone"), held("d", "→"), held("e", "→")]],
      {
        fetch: (delivery) => {
          if (delivery.body === "→ gone") return Promise.resolve({ ...delivery, rejection });
          if (delivery.body !== "→") return Promise.resolve(delivery);
          return Promise.resolve({ ...delivery, body: "whole", bytes: delivery.bytes + 3 * 1024 * 1024 });
        },
        decode: ({ id, body, rejection: found }) =>
          found === undefined
            ? { ok: true, value: { id, sentAtMs: 0, rows: rowOf([body]), unknownFields: [], businessId: null } }
            : { ok: false, error: found },
      },
    );
    await run();
    expect([...sink.rows.values()]).toEqual([["whole"], ["inline"], ["whole"], ["whole"]]);
    expect(sink.batchSizes).toEqual([3, 1]);
    expect([...noted]).toEqual([["c", rejection]]);
    expect(totals).toMatchObject({ events: 5, stored: 4, refused: 1 });
  });

  it("ends when S3 fails, and leaves the events where they are", async () => {
    const away = new PiipeError("s3.unreachable", "away", { retryable: true });
    const { sink, noted, run } = setUp([[held("a", "→")]], { fetch: () => Promise.reject(away) });
    await expect(run()).rejects.toBe(away);
    expect(sink.rows.size).toBe(0);
    expect(noted.size).toBe(0);
  });

  it("notes what cannot be decoded although the write then fails", async () => {
    const { sink, noted, totals, run } = setUp([[held("a", "ok"), held("b", "bad"), held("c", "locked")]]);
    const failed = new PiipeError("database.denied", "no right");
    sink.beforeWrite = () => {
      throw failed;
    };
    await expect(run()).rejects.toBe(failed);
    expect([...noted.keys()]).toEqual(["b"]);
    expect(totals).toMatchObject({ events: 2, stored: 0, refused: 1, unopened: 1 });
  });

  it("gives the stages the delivery as it was, received when it was quarantined", async () => {
    const metadata = JSON.stringify({ groupId: "g1", attributes: { tenant: "t1" } });
    const { sink, steps, run } = setUp([[held("a", "ä", metadata), held("b", "x")]]);
    await run();
    expect(sink.rows.get("a")).toEqual(["ä", 2_000, "g1", "t1", 4]);
    expect(sink.rows.get("b")).toEqual(["x", 2_000, null, null, 1]);
    expect(steps).toContain("open metadata/a");
  });

  it("announces a page before it opens any of it, and opens nothing that it cannot announce", async () => {
    const first = setUp([[held("a", "ok"), held("b", "ok")]]);
    await first.run();
    expect(first.steps).toEqual(["announce a b", "open body/a", "open body/b"]);

    const denied = new PiipeError("database.denied", "no right");
    const second = setUp([[held("a", "ok")]], { announce: () => Promise.reject(denied) });
    await expect(second.run()).rejects.toBe(denied);
    expect(second.steps).toEqual([]);
    expect(second.sink.rows.size).toBe(0);
  });

  it("notes nothing in a dry run, and counts what the sink says", async () => {
    const page = [held("a", "ok"), held("b", "bad"), held("c", "unfit")];
    const { sink, noted, totals, run } = setUp([page], { isDryRun: true });
    sink.unfit.add("c");
    await run();
    expect(noted.size).toBe(0);
    expect(totals).toMatchObject({ events: 3, stored: 1, refused: 2 });
  });

  it("counts what no table takes, and rows with onConflict, apart from what is stored", async () => {
    const write: Sink["write"] = ({ records }) =>
      Promise.resolve({ records: records.map(() => ({ kind: "stored" })), refused: [], dropped: 1, updated: 1 });
    const { totals, run } = setUp([[held("a", "ok"), held("b", "ok")]], { sink: { write } });
    await run();
    expect(totals).toMatchObject({ events: 2, stored: 1, skipped: 0, dropped: 1, updated: 1 });
  });

  it("writes a page again when the reply to its commit was lost, and finds it settled", async () => {
    const { sink, totals, run } = setUp([[held("a", "ok")]]);
    let isLost = false;
    sink.afterCommit = () => {
      if (isLost) return;
      isLost = true;
      throw new PiipeError("database.unreachable", "lost", { retryable: true });
    };
    await run();
    expect(sink.rows.size).toBe(1);
    expect(totals).toMatchObject({ events: 1, stored: 0, duplicate: 1 });
  });

  it("finishes the page at hand when stopped, and says that it was cut short", async () => {
    const { sink, totals, run } = setUp([[held("a", "ok")], [held("b", "ok")]]);
    const stop = new AbortController();
    sink.beforeWrite = () => stop.abort();
    await expect(run({ stop: stop.signal })).rejects.toMatchObject({ code: "interrupted" });
    expect([...sink.rows.keys()]).toEqual(["a"]);
    expect(totals).toMatchObject({ events: 1, stored: 1 });
  });

  it("does not take a bug for a foreign key", async () => {
    const { run } = setUp([[held("a", "ok")]], {
      open: () => {
        throw new TypeError("bug");
      },
    });
    await expect(run()).rejects.toThrow(TypeError);
  });
});
