/**
 * @typedef {object} Mutant
 * @property {string} area
 * @property {string} name what the defect makes of piipe
 * @property {string} file
 * @property {string} search text that occurs once in the file
 * @property {string} replacement
 * @property {readonly Witness[]} witnesses each of them must notice
 */

/**
 * @typedef {object} Witness
 * @property {string} testFile
 * @property {string} title part of the full names of tests of that file, one of which must turn red
 */

const ENGINE = "src/pipeline/engine.ts";
const ENGINE_TEST = "src/pipeline/engine.test.ts";
const BISECT = "src/write/bisect.ts";
const BISECT_TEST = "src/write/bisect.property.test.ts";
const CLAIM = "src/storage/ledger/claim.ts";
const INSERT = "src/write/insert.ts";
const SINK_TEST = "tests/integration/postgres-sink.test.ts";
const RETRY = "src/pipeline/write-with-retry.ts";
const VISIBILITY_TEST = "src/sources/sqs/visibility.test.ts";
const SIMULATION = { testFile: "tests/simulation/simulation.test.ts", title: "what was sent is stored once" };
const SOURCE_TEST = "src/sources/sqs/sqs-source.test.ts";
const LEDGER = "src/storage/ledger/ledger-maintenance.ts";
const VALUES_TEST = "tests/integration/values.test.ts";
const LEDGER_TEST = "tests/integration/ledger-maintenance.test.ts";

/** @type {readonly Mutant[]} */
export const MUTANTS = [
  {
    area: "commit",
    name: "deletes before the commit",
    file: ENGINE,
    search: "      const startedMs = this.#clock.elapsedMs();\n      const outcome = await writeWithRetry(",
    replacement: `      const early = new Map(batch.deliveries.map((delivery) => [delivery, DELETE]));
      await this.#stages.source.settle(early, this.#abort);
      const startedMs = this.#clock.elapsedMs();
      const outcome = await writeWithRetry(`,
    witnesses: [{ testFile: ENGINE_TEST, title: "deletes nothing before its batch is committed" }, SIMULATION],
  },
  {
    area: "commit",
    name: "ignores the command tag of COMMIT",
    file: "src/postgres/transaction.ts",
    search: 'if (!rollsBack && command !== "COMMIT") throw rolledBack(doing);',
    replacement: "",
    witnesses: [{ testFile: SINK_TEST, title: "a COMMIT that PostgreSQL answers with ROLLBACK is no success" }],
  },
  {
    area: "commit",
    name: "does not write again after a lost COMMIT",
    file: RETRY,
    search: "if (!(error instanceof PiipeError) || !error.retryable || abort.aborted || failed.aborted) throw error;",
    replacement: "throw error;",
    witnesses: [{ testFile: ENGINE_TEST, title: "runs a batch again when the reply to its commit was lost" }],
  },
  {
    area: "commit",
    name: "takes a lost COMMIT for a success",
    file: RETRY,
    search: "const nowMs = clock.nowMs();",
    replacement: `return {
        records: batch.records.map(() => ({ kind: "stored" })),
        refused: batch.refused.map(() => ({ kind: "quarantined" })),
      };
      const nowMs = clock.nowMs();`,
    witnesses: [
      { testFile: ENGINE_TEST, title: "runs a batch again when the reply to its commit was lost" },
      SIMULATION,
    ],
  },
  {
    area: "commit",
    name: "deletes what could not be written",
    file: ENGINE,
    search: "for (const delivery of batch.deliveries) settled.set(delivery, givenBack(delivery));",
    replacement: "for (const delivery of batch.deliveries) settled.set(delivery, DELETE);",
    witnesses: [{ testFile: ENGINE_TEST, title: "gives back what was not written when a write fails for good" }],
  },
  {
    area: "ledger",
    name: "claims in no order",
    file: CLAIM,
    search: "  ORDER BY 1, 2, 3\n  ON CONFLICT",
    replacement: "  ON CONFLICT",
    witnesses: [
      { testFile: "tests/faults/overlapping-writers.test.ts", title: "eight writers with overlapping batches" },
    ],
  },
  {
    area: "ledger",
    name: "takes a claim that is there for an error",
    file: CLAIM,
    search: "  ON CONFLICT DO NOTHING\n  RETURNING message_id`",
    replacement: "  RETURNING message_id`",
    witnesses: [{ testFile: SINK_TEST, title: "a batch is stored once, however often it is written" }],
  },
  {
    area: "load",
    name: "claims lines without waiting for whoever notes that they are done",
    file: CLAIM,
    search: "WHERE load_id = $3::bigint FOR SHARE",
    replacement: "WHERE load_id = $3::bigint",
    witnesses: [{ testFile: "tests/integration/loads.test.ts", title: "a claim that met the noting of its lines" }],
  },
  {
    area: "load",
    name: "takes a line that was given back for done",
    file: "src/sources/file/file-source.ts",
    search: "this.#firstReleased = Math.min(this.#firstReleased, number)",
    replacement: "this.#firstReleased = Number.POSITIVE_INFINITY",
    witnesses: [{ testFile: "tests/cli/load.test.ts", title: "leaves what nothing can seal" }],
  },
  {
    area: "ledger",
    name: "stores rows whose claim failed",
    file: INSERT,
    search: "  JOIN ${won} ON ${won}.message_id = input.message_id\n",
    replacement: "",
    witnesses: [{ testFile: SINK_TEST, title: "a batch is stored once, however often it is written" }],
  },
  {
    area: "ledger",
    name: "takes the same id of two queues for one message",
    file: CLAIM,
    search: "SELECT claim.sent_day, $3::bigint, claim.message_id\n",
    replacement: "SELECT claim.sent_day, $3::bigint * 0, claim.message_id\n",
    witnesses: [{ testFile: SINK_TEST, title: "the same id of another source is another message" }],
  },
  {
    area: "ledger",
    name: "forgets claims while SQS still has their messages",
    file: LEDGER,
    search: "const RETENTION_DAYS = 16;",
    replacement: "const RETENTION_DAYS = 13;",
    witnesses: [{ testFile: LEDGER_TEST, title: "rows older than 16 days go, the others stay" }],
  },
  {
    area: "ledger",
    name: "drops days by the worker's clock alone",
    file: LEDGER,
    search: "utcDay(Math.min(nowMs, serverNowMs))",
    replacement: "utcDay(nowMs)",
    witnesses: [
      { testFile: LEDGER_TEST, title: "a worker's clock that runs ahead of the database's drops nothing that is live" },
    ],
  },
  {
    area: "bisect",
    name: "loses the right half of a batch with a bad row",
    file: BISECT,
    search: "if (!hasEnough()) await search(part.slice(middle));",
    replacement: "",
    witnesses: [{ testFile: BISECT_TEST, title: "whatever rows are bad, they alone are rejected" }],
  },
  {
    area: "bisect",
    name: "quarantines the whole batch of a bad row",
    file: BISECT,
    search: `        rejected += 1;
        outcomes.push({ kind: "rejected", rejection: rejectionOf(error, declared) });
        return;
      }`,
    replacement: `      }
      if (part.length > 0) {
        rejected += part.length;
        const rejection = rejectionOf(error, declared);
        for (const _ of part) outcomes.push({ kind: "rejected", rejection });
        return;
      }`,
    witnesses: [{ testFile: BISECT_TEST, title: "whatever rows are bad, they alone are rejected" }, SIMULATION],
  },
  {
    area: "bisect",
    name: "blames a row for a fault of the table",
    file: BISECT,
    search: "if (!(await somePasses(sample, declared, wouldStore))) throw first;",
    replacement: "",
    witnesses: [
      { testFile: BISECT_TEST, title: "NOT NULL on a column that nobody fills blames none of them" },
      { testFile: BISECT_TEST, title: "a trigger that refuses every row blames none of them" },
    ],
  },
  {
    area: "handle tracking",
    name: "keeps the older receipt handle",
    file: "src/sources/sqs/tracker.ts",
    search: "    else Object.assign(known, newest);\n",
    replacement: "",
    witnesses: [
      {
        testFile: "src/sources/sqs/tracker.test.ts",
        title: "holds one entry per message with the newest receipt",
      },
      SIMULATION,
    ],
  },
  {
    area: "handle tracking",
    name: "delivers again what it holds",
    file: "src/sources/sqs/tracker.ts",
    search: "return known === undefined;",
    replacement: "return true;",
    witnesses: [
      { testFile: "src/sources/sqs/intake.test.ts", title: "takes a message that comes twice in one reply once" },
    ],
  },
  {
    area: "heartbeat",
    name: "never extends what it holds",
    file: "src/sources/sqs/visibility.ts",
    search: ".visibleBefore(nowMs + (visibilitySeconds * 1_000) / 2)",
    replacement: ".visibleBefore(0)",
    witnesses: [{ testFile: VISIBILITY_TEST, title: "extends what has less than half of its time left" }],
  },
  {
    area: "heartbeat",
    name: "extends no more while it drains",
    file: "src/sources/sqs/sqs-source.ts",
    search: "    return this.#poller.receive(room, stop);\n",
    replacement: `    stop.addEventListener("abort", () => this.#closed.abort());
    return this.#poller.receive(room, stop);
`,
    witnesses: [{ testFile: SOURCE_TEST, title: "keeps what it holds invisible after a stop as well" }],
  },
  {
    area: "drain",
    name: "forgets what is received but not yet in a write",
    file: ENGINE,
    search: "    await this.#drained();\n    this.#batcher.close();\n",
    replacement: `    if (stop.aborted) this.#inFlight -= this.#batcher.takeAll().length;
    await this.#drained();
    this.#batcher.close();
`,
    witnesses: [{ testFile: ENGINE_TEST, title: "drains on stop: finishes what was received, receives no more" }],
  },
  {
    area: "drain",
    name: "throws away what a poll brings after the stop",
    file: "src/sources/sqs/poller.ts",
    search: "for (const delivery of deliveries) this.#buffer.push(delivery);",
    replacement: "if (!this.#isOver()) for (const delivery of deliveries) this.#buffer.push(delivery);",
    witnesses: [{ testFile: SOURCE_TEST, title: "gives back what a poll brings after the stop" }],
  },
  {
    area: "drain",
    name: "cuts polls off at the stop",
    file: "src/sources/sqs/poller.ts",
    search: "this.#graceMs = isAlone && this.#lastCount === 0 ? 0 : STOP_GRACE_MS;",
    replacement: "this.#graceMs = 0;",
    witnesses: [{ testFile: SOURCE_TEST, title: "gives back what a poll brings after the stop" }],
  },
  {
    area: "delete",
    name: "takes failed entries of a delete for done",
    file: "src/sources/sqs/settler.ts",
    search: 'isEntryRetryable(Code, SenderFault) ? "again" : "refused");',
    replacement: 'isEntryRetryable(Code, SenderFault) ? "done" : "done");',
    witnesses: [
      { testFile: "tests/integration/sqs-source-faults.test.ts", title: "sends failed entries of a delete again" },
    ],
  },
  {
    area: "receive",
    name: "takes a body for intact that does not match its digest",
    file: "src/sources/sqs/intake.ts",
    search: "} else if (hasTime(message) && isBodyIntact(message.Body, message.MD5OfBody)) {",
    replacement: "} else if (hasTime(message)) {",
    witnesses: [
      {
        testFile: "tests/integration/sqs-source-faults.test.ts",
        title: "releases a message whose digest is wrong, and only that one",
      },
    ],
  },
  {
    area: "business ids",
    name: "stores an event whose business id is known",
    file: INSERT,
    search: 'const won = dedupes ? "taken" : "claimed";',
    replacement: 'const won = "claimed";',
    witnesses: [
      { testFile: "tests/integration/business-ids.test.ts", title: "an event that is sent again is stored once" },
    ],
  },
  {
    area: "FIFO",
    name: "stores the rows of a batch in no order",
    file: INSERT,
    search: "  ORDER BY input.position\n",
    replacement: "  ORDER BY md5(input.message_id::text)\n",
    witnesses: [{ testFile: SINK_TEST, title: "a serial column numbers" }],
  },
  {
    area: "FIFO",
    name: "writes two batches of an ordered queue at once",
    file: ENGINE,
    search: "stages.source.ordered ? 1 : limits.writesInFlightMax",
    replacement: "limits.writesInFlightMax",
    witnesses: [
      { testFile: ENGINE_TEST, title: "writes several batches at once, but one at a time from an ordered queue" },
    ],
  },
  {
    area: "FIFO",
    name: "stores what follows a refused row before that row is quarantined",
    file: "src/app/open-run.ts",
    search: "rejectedMax: source.ordered ? 1 : REJECTED_MAX",
    replacement: "rejectedMax: REJECTED_MAX",
    witnesses: [{ testFile: "tests/faults/fifo.test.ts", title: "stores nothing that follows a refused row" }],
  },
  {
    area: "bisect",
    name: "blames the table for a row that a trigger refuses",
    file: BISECT,
    search: '(error.fate === "bisect" || isInDoubt(error, declared))',
    replacement: '(error.fate === "bisect" || isUnfilled(error, declared))',
    witnesses: [{ testFile: BISECT_TEST, title: "of rows that a trigger refuses they alone are rejected" }],
  },
  {
    area: "refusals",
    name: "a halt that gives good records back",
    file: "src/pipeline/halt.ts",
    search: "if (isAdmitted && record !== null) good.addRecord(record, delivery);",
    replacement: "if (isAdmitted && record === null) good.addRecord(record, delivery);",
    witnesses: [{ testFile: ENGINE_TEST, title: "stores what is good before it halts" }],
  },
  {
    area: "refusals",
    name: "a halt that lets messages overtake a refused one of their group",
    file: "src/pipeline/halt.ts",
    search: "if (this.#isOrdered && this.#groups.has(groupId)) return false;",
    replacement: "",
    witnesses: [{ testFile: ENGINE_TEST, title: "in an ordered queue a halt gives back what follows" }],
  },
  {
    area: "refusals",
    name: "gives back what a service cannot write, again and again",
    file: ENGINE,
    search: "return (error.mayBeData && !this.#halt) || !this.#endsByItself;",
    replacement: "return error.mayBeData && !this.#halt;",
    witnesses: [{ testFile: ENGINE_TEST, title: "holds what cannot be written as long as it takes" }],
  },
  {
    area: "refusals",
    name: "a halt that gives good records back while the table is away",
    file: ENGINE,
    search: "if (this.#stop.aborted || this.#abort.aborted || this.#failed.signal.aborted) return false;",
    replacement: "if (this.#receiving.signal.aborted) return false;",
    witnesses: [
      { testFile: ENGINE_TEST, title: "waits for a table that is away when it halts" },
      { testFile: "tests/simulation/simulation.test.ts", title: "seed 140 of halts" },
    ],
  },
  {
    area: "commit",
    name: "a dry run that commits",
    file: "src/write/postgres-sink.ts",
    search: "{ ...this.#transactionOptions(abort), lockTimeoutMs, rollsBack: true }",
    replacement: "{ ...this.#transactionOptions(abort), lockTimeoutMs }",
    witnesses: [{ testFile: SINK_TEST, title: "leaves neither rows nor claims" }],
  },
  {
    area: "guard",
    name: "a guard without its bound",
    file: "src/mask/leak/echo-check.ts",
    search: "let comparisonsLeft = COMPARISONS_MIN + COMPARISONS_PER_CHAR_MAX * length;",
    replacement: "let comparisonsLeft = Infinity;",
    witnesses: [
      {
        testFile: "src/mask/leak/hostile.property.test.ts",
        title: "is bounded: such a body is refused",
      },
    ],
  },
  {
    area: "guard",
    name: "looks for one of two values that begin alike",
    file: "src/mask/leak/needle-search.ts",
    search: "this.#alike[index] = this.#needles[node] ?? -1;",
    replacement: "this.#alike[index] = -1;",
    witnesses: [{ testFile: "src/mask/leak/leak-guard.test.ts", title: "that begin alike for long" }],
  },
  {
    area: "guard",
    name: "lets a common value hide the same one of a person",
    file: "src/mask/leak/echo-check.ts",
    search: "return (ways & way) === 0;",
    replacement: "return ways === 0;",
    witnesses: [{ testFile: "src/mask/leak/leak-guard.test.ts", title: "another column has it as a common one" }],
  },
  {
    area: "guard",
    name: "passes over separators of grouped digits no more",
    file: "src/mask/leak/needle-search.ts",
    search: "if (code < ASCII_END && this.#passedOver[code] === 1) return from;",
    replacement: "",
    witnesses: [{ testFile: "src/mask/leak/leak-guard.test.ts", title: "the echo check digits with blanks" }],
  },
  {
    area: "guard",
    name: "looks at JSON in a text as at any text",
    file: "src/mask/leak/json-text.ts",
    search: "const json = jsonIn(text);",
    replacement: "const json = null as string | null;",
    witnesses: [{ testFile: "src/mask/leak/leak-guard.test.ts", title: "look into JSON in a text" }],
  },
  {
    area: "refusals",
    name: "never halts, whatever share is refused",
    file: "src/pipeline/refusal-judge.ts",
    search: "return this.#seen >= JUDGED_FROM_EVENTS && this.#isTooMany();",
    replacement: "return false;",
    witnesses: [{ testFile: ENGINE_TEST, title: "halts" }],
  },
  {
    area: "values",
    name: "a decimal through a double",
    file: "src/decode/numbers.ts",
    search: "readNumber: (_value, written) => readWritten(written),",
    replacement: "readNumber: (value) => readWritten(String(value)),",
    witnesses: [{ testFile: "src/decode/values.test.ts", title: "decimal" }],
  },
  {
    area: "values",
    name: "cuts decimals of a second without a word",
    file: "src/decode/times.ts",
    search: "if (decimals.length > kept.decimals && !kept.cuts) {",
    replacement: "if (decimals.length > Infinity) {",
    witnesses: [{ testFile: VALUES_TEST, title: "Laravel" }],
  },
  {
    area: "values",
    name: "lets PostgreSQL round",
    file: "src/write/insert.ts",
    search: "if (roundedTo === null) return read;",
    replacement: 'if (roundedTo !== "") return read;',
    witnesses: [{ testFile: "tests/integration/own-reading.test.ts", title: "a text in time(3)" }],
  },
  {
    area: "values",
    name: "doubts the table for a text that its type cannot read",
    file: "src/write/bisect.ts",
    search: "isInDoubt(error, declared) ? ((await findUnreadable?.(record)) ?? null) : null",
    replacement: "null as string | null",
    witnesses: [{ testFile: VALUES_TEST, title: "a text that tsquery cannot read" }],
  },
  {
    area: "values",
    name: "evaluates no DEFAULT",
    file: "src/write/insert.ts",
    search: "return defaultSql === null ? value : `coalesce(${value}, ${defaultSql})`;",
    replacement: "return value;",
    witnesses: [{ testFile: VALUES_TEST, title: "evaluated for each row" }],
  },
  {
    area: "values",
    name: "writes out what an exponent stands for without end",
    file: "src/decode/array-value.ts",
    search: "if (zeros > STRING_CHARS_MAX) return REFUSED.tooLong;",
    replacement: "",
    witnesses: [{ testFile: "src/decode/values.test.ts", title: "are not written out to many times their size" }],
  },
  {
    area: "guard",
    name: "knows a masked value only as it is stored",
    file: "src/decode/row-reader.ts",
    search: "if (given.length > 0) row.given = given;",
    replacement: "",
    witnesses: [{ testFile: VALUES_TEST, title: "in its own way" }],
  },
  {
    area: "guard",
    name: "looks at each row of a message alone",
    file: "src/mask/compile-mask.ts",
    search: "const guarded = guard(masked.looked);",
    replacement:
      "const guarded = masked.looked.map((row) => guard([row])).find(({ ok }) => !ok) ?? guard(masked.looked.slice(0, 1));",
    witnesses: [{ testFile: "src/mask/compile-mask.test.ts", title: "what is masked in one row" }],
  },
  {
    area: "tables",
    name: "takes events of any kind into every table",
    file: "src/decode/event-rows.ts",
    search: "if (takes !== null && !takes(start, message)) continue;",
    replacement: "",
    witnesses: [{ testFile: "src/decode/event-rows.test.ts", title: "a table takes an event by" }],
  },
  {
    area: "guard",
    name: "does not look for what is masked inside JSON",
    file: "src/mask/inner-masks.ts",
    search: 'if (normalized !== "") hidden.push({ source, text, normalized });',
    replacement: "",
    witnesses: [{ testFile: "src/mask/inner-masks.test.ts", title: "must not stand in other columns" }],
  },
  {
    area: "masks",
    name: "masks only the first of several values inside JSON",
    file: "src/mask/splice-json.ts",
    search: "for (const [index, place] of places.entries()) {",
    replacement: "for (const [index, place] of places.slice(0, 1).entries()) {",
    witnesses: [{ testFile: "src/mask/inner-masks.property.test.ts", title: "what is stored is what was sent" }],
  },
  {
    area: "masks",
    name: "hashes an address with what is around it",
    file: "src/decode/create-reader.ts",
    search: 'const isGiven = TAKES_TEXT_AS_GIVEN.has(column.mask) && type !== "ip";',
    replacement: "const isGiven = TAKES_TEXT_AS_GIVEN.has(column.mask);",
    witnesses: [{ testFile: "src/decode/create-reader.test.ts", title: "without what its settings leave out" }],
  },
  {
    area: "wrappings",
    name: "inflates without a bound",
    file: "src/decode/unwrap-body.ts",
    search: "gunzipSync(bytes, { maxOutputLength: BODY_BYTES_MAX })",
    replacement: "gunzipSync(bytes)",
    witnesses: [{ testFile: "src/decode/unwrap-body.test.ts", title: "may unpack to as much as a body" }],
  },
  {
    area: "tables",
    name: "overwrites a row with an older one",
    file: "src/write/upsert.ts",
    search: 'rule.newest === null ? "" : isLater(quoteIdentifier(rule.newest))',
    replacement: '""',
    witnesses: [
      { testFile: "tests/integration/on-conflict.test.ts", title: "only a later value overwrites" },
      { testFile: "tests/faults/upsert-model.test.ts", title: "ends with the newest of each key" },
    ],
  },
  {
    area: "tables",
    name: "writes each table in a transaction of its own",
    file: "src/write/counted-store.ts",
    search: "const { rowCount } = await run(statement, storeValues(rows, columnCount));",
    replacement: `const { rowCount } = await run(statement, storeValues(rows, columnCount));
      await run("COMMIT");
      await run("BEGIN");`,
    witnesses: [{ testFile: "tests/integration/tables.test.ts", title: "where each table has a statement of its own" }],
  },
];
