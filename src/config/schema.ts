// As a namespace, of which a bundle takes what is used: without the messages in fifty languages.
import * as z from "zod";
import { UNWRAP_STEPS, type UnwrapStep, type ValuePlace } from "../pipeline/contracts.ts";
import { maskProblemsAcross, type WrittenTable } from "./mask-rules.ts";
import { choice, isObject, mapping, oneOrMore, text, wholeNumber } from "./schema-parts.ts";
import { hasPassword, isHttpUrl, postgresUrlProblem, queueUrlParts } from "./service-url.ts";
import { parseTableName } from "./table-name.ts";
import {
  COLUMNS,
  columnsSchema,
  conflictProblems,
  eachSchema,
  isTableName,
  levelProblems,
  onConflictSchema,
  TABLE_NAME,
  tablesSchema,
  unmatchedSchema,
} from "./table-schema.ts";
import { parsePlace, placesIn, showFrom } from "./value-origin.ts";

/*
 * The single source of `piipe.yaml`: validation, the JSON Schema, docs/configuration.md and the types of
 * `definePipeline` (pipeline-config.ts, generated) all come from here.
 *
 * Every error text is one of two things, which check-input.ts completes to a sentence:
 * - what would be right, as a noun ("a whole number from 1 to 100");
 * - where only the rule knows what is wrong: "what is wrong; what would be right", to follow the setting's name.
 * No text ever quotes a value, except a name out of a list of this file.
 */

export type { PipelineConfig } from "./pipeline-config.ts";
/** A checked configuration, defaults filled in. */
export type CheckedConfig = z.output<typeof pipelineConfigSchema>;

const KIB = 1024;
const MIB = 1024 * KIB;

/** `fifo` queues end in .fifo, which counts towards the 80 characters. */
const QUEUE_NAME = /^(?:[\w-]{1,80}|[\w-]{1,75}\.fifo)$/;
const QUEUE_ARN = /^arn:[\w-]+:sqs:[\w-]+:\d{12}:(.+)$/;

function isQueue(value: string): boolean {
  if (value.includes("://")) return queueUrlParts(value) !== null;
  return QUEUE_NAME.test(QUEUE_ARN.exec(value)?.[1] ?? value);
}

/** It stands between slashes in the derivation of the keys: another slash could make two columns share a key. */
function isKeyDomain(value: string): boolean {
  return value.length <= 128 && /^[^/\p{Cc}]+$/u.test(value);
}
const KEY_DOMAIN = "1 to 128 characters, without / and control characters";

const BUSINESS_ID = "a field, a path such as order.id, or @attribute.NAME";
/** It is part of what a key is derived from; SQS allows 256 in the name of an attribute. */
const BUSINESS_ID_BYTES_MAX = 267;

function businessIdProblem(from: string): string | null {
  if (from.startsWith("@") && !from.startsWith("@attribute.")) {
    return `names metadata, which is another when an event is sent again, or the same for many; it must be ${BUSINESS_ID}`;
  }
  const place = parsePlace(from);
  return place.ok ? null : place.error;
}

const HTTP_URL = "an http or https URL without user and password";
const httpUrl = z
  .string(HTTP_URL)
  .regex(/^https?:\/\//, { error: HTTP_URL, abort: true })
  .refine(isHttpUrl, HTTP_URL);

/** Each step may take as much work as a body of the largest size is worth. */
const UNWRAP_STEPS_MAX = 6;
const UNWRAPPED = `one of ${UNWRAP_STEPS.join(", ")}`;

function stepProblems(steps: readonly UnwrapStep[]): readonly string[] {
  const problems = (["sns", "s3"] as const)
    .filter((step) => steps.indexOf(step) !== steps.lastIndexOf(step))
    .map((step) => `names ${step} twice; it must name it once at most`);
  const beforeS3 = steps.includes("s3") ? steps.slice(0, steps.indexOf("s3")) : [];
  // The libraries point to what is packed: a pointer itself never is.
  if (beforeS3.some((step, index) => step !== "sns" || index > 0))
    problems.push("has s3 behind another step than sns; s3 must stand first, or behind sns alone");
  if (steps.slice(0, -1).includes("lines")) problems.push("has a step behind lines; lines must stand last");
  if (steps.length > UNWRAP_STEPS_MAX) problems.push(`is too long; it must have ${UNWRAP_STEPS_MAX} steps at most`);
  return problems;
}

const source = mapping("a mapping with the key sqs", {
  sqs: mapping("a mapping with the key queue", {
    queue: text("a queue's name, URL or ARN", isQueue).describe("The queue to read from: its name, URL or ARN."),
    region: z
      .string("the name of an AWS region")
      .regex(/^[\w-]{1,63}$/, "the name of an AWS region")
      .optional()
      .describe("The queue's AWS region. Default: from the queue's ARN or URL, else from the AWS configuration."),
    endpoint: httpUrl
      .optional()
      .describe("Where every request goes, for a server other than AWS. Default: from the AWS configuration."),
    visibilityTimeoutSeconds: wholeNumber(2, 43_200, "seconds")
      .optional()
      .describe("How long a received message stays hidden from other workers, in seconds. Default: the queue's own."),
  }).describe("The Amazon SQS queue."),
  unwrap: oneOrMore(choice(UNWRAP_STEPS), UNWRAPPED)
    .superRefine((steps, context) => {
      if (!Array.isArray(steps)) return;
      for (const problem of stepProblems(steps)) context.addIssue({ code: "custom", message: problem });
    })
    .optional()
    .describe(
      "What each message's body is wrapped in, outermost first (“Wrappings” in docs/configuration.md). Default: nothing, the body is the event.",
    ),
  each: eachSchema
    .optional()
    .describe(
      "The array in a body whose elements are events of their own: `Records`, or `.` for a body that is an array. Paths then begin at the element, and `^.` leads to what surrounds it. Default: a body is one event.",
    ),
  s3: mapping("a mapping with the keys endpoint and deleteObject", {
    endpoint: httpUrl
      .optional()
      .describe(
        "Where every object is fetched, for a server other than AWS; buckets are then named in the path. Default: from the AWS configuration.",
      ),
    deleteObject: z
      .boolean("true or false")
      .default(false)
      .describe(
        "Whether an object is deleted once the message that pointed to it was deleted from the queue. Otherwise it is left alone.",
      ),
  })
    .optional()
    .describe("With `unwrap: s3`: the objects that messages point to."),
}).describe("Where the events come from.");

const POSTGRES_URL =
  "a URL that begins with postgres:// or postgresql://, special characters in its password percent-encoded";

const PASSWORD = "iam, or a mapping with the key file or secret";
const SECRET_ARN = /^arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:[\w/+=.@-]+$/;
const secretArn = text("the ARN of a secret in AWS Secrets Manager", (value) => SECRET_ARN.test(value));

const password = z.union([
  z.enum(["iam"], PASSWORD),
  mapping(PASSWORD, {
    file: text("the path of a file", () => true)
      .optional()
      .describe("A file that holds the password alone, relative to this file."),
    secret: secretArn
      .optional()
      .describe(
        "The ARN of a secret in AWS Secrets Manager: its text, or the `password` and `username` of its JSON, as RDS has them.",
      ),
  }).refine(
    ({ file, secret }) => (file === undefined) !== (secret === undefined),
    "names no place, or two; it must have the key file or the key secret",
  ),
]);

const sink = mapping("a mapping with the key postgres", {
  postgres: mapping("a mapping with the key url", {
    url: z
      .string(POSTGRES_URL)
      // It comes along where the URL is read from a file, and whoever looks for a setting at the URL's end would miss it.
      .overwrite((url) => url.replace(/\r?\n$/, ""))
      .regex(/^postgres(ql)?:\/\//, { error: POSTGRES_URL, abort: true })
      .superRefine((value, context) => {
        const problem = postgresUrlProblem(value);
        if (problem !== null) context.addIssue({ code: "custom", message: problem });
      })
      .describe(
        "The database's connection URL. A secret: take it from the environment, as in ${DATABASE_URL}. It may name several hosts of which one takes writes (“Credentials” in docs/operations.md).",
      ),
    password: password
      .optional()
      .describe(
        "Where each new connection gets its password, so that it can change while a worker runs: a file, a secret, or `iam`, an RDS token for each. Default: the URL's, PGPASSWORD, or libpq's password file.",
      ),
    table: text(TABLE_NAME, isTableName)
      .optional()
      .describe(
        "The table to write to: `table` or `schema.table`, in the very case that the database has it. Several: `tables`.",
      ),
    createTable: z
      .boolean("true or false")
      .default(false)
      .describe("Whether `piipe run` creates a missing table. `piipe migrate` always does."),
    maxConnections: wholeNumber(1, 100, "connections")
      .default(4)
      .describe("The most connections that one `piipe run` opens: those of all its workers (`--workers`) together."),
    settings: choice(["transaction", "role"])
      .default("transaction")
      .describe(
        "Who sets timeouts and the like: each transaction for itself, or the role, by ALTER ROLE … SET; `role` is for a proxy that pins sessions which set something, such as RDS Proxy (docs/operations.md).",
      ),
  }).describe("The PostgreSQL database."),
}).describe("Where the masked records go.");

const keys = mapping("a mapping with the keys file, secret and domain", {
  file: z
    .string("the path of a keyring file")
    .min(1, "the path of a keyring file")
    .optional()
    .describe(
      "The keyring made by `piipe keys new`, relative to this file. Default: the environment's PIIPE_KEYS, or `keysJson` in code.",
    ),
  secret: secretArn
    .optional()
    .describe(
      "Instead of a file: the ARN of a secret in AWS Secrets Manager whose text is the keyring (“Keys” in docs/operations.md).",
    ),
  domain: text(KEY_DOMAIN, isKeyDomain)
    .optional()
    .describe(
      "Equal values have equal tokens within one domain, and unlinkable ones across domains. Default: the pipeline's name.",
    ),
}).describe("The secret keys of the masks.");

const batch = mapping("a mapping with the keys rows, bytes and lingerMs", {
  rows: wholeNumber(1, 10_000, "rows").default(1000).describe("The most rows that one transaction writes."),
  // 4 MiB holds 1,000 events of 4 KiB or four messages of the largest size that SQS has (1 MiB): `rows` is what
  // limits ordinary events, `bytes` keeps a few batches of huge ones within a worker's memory. Below 1 MiB a
  // single message could exceed it.
  bytes: wholeNumber(MIB, 64 * MIB, "bytes")
    .default(4 * MIB)
    .describe("The most bytes of messages that one transaction writes."),
  lingerMs: wholeNumber(0, 60_000, "milliseconds")
    .default(50)
    .describe(
      "How long, in milliseconds, a batch that is not full waits for more events while more are at hand, and how far " +
        "apart receives begin at a low rate, so that messages come together. 0: nothing waits.",
    ),
}).describe("When a batch is written: as soon as one of these is reached, or nothing more is at hand.");

const quarantine = mapping("a mapping with the key haltAboveShare", {
  haltAboveShare: z
    .number("a number above 0, up to 1")
    .gt(0, "a number above 0, up to 1")
    .lte(1, "a number above 0, up to 1")
    .default(0.5)
    .describe("The run halts when more than this share of the recent events was refused. 1 never halts."),
}).describe("What happens to refused events.");

export const pipelineConfigSchema = mapping("a mapping with the keys source, sink and columns", {
  name: text(KEY_DOMAIN, isKeyDomain)
    .optional()
    .describe("The pipeline's name. Default: the name of the table, or of the first one, without its schema."),
  source,
  sink,
  keys: keys.prefault({}),
  columns: columnsSchema
    .optional()
    .describe("What the table gets: a key for each column, named as in the table. Of several tables: `tables`."),
  onConflict: onConflictSchema
    .optional()
    .describe("What becomes of a row whose key the table has. Of several tables: `tables`."),
  tables: tablesSchema
    .optional()
    .describe(
      "Several tables, or one that does not take every event as one row: a key for each table, `table` or `schema.table`, instead of `sink.postgres.table` and `columns`. All rows of a message are stored in one transaction, or none.",
    ),
  unmatched: unmatchedSchema.describe(
    "What becomes of an event that none of the `tables` takes: it is refused, or deleted without a row.",
  ),
  unknownFields: choice(["ignore", "quarantine"])
    .default("ignore")
    .describe(
      "What becomes of fields at the top of an event that no column declares: never stored, or the whole event is refused. A column `from: device.os` declares all of `device`.",
    ),
  dedupeBy: oneOrMore(
    z
      .string(BUSINESS_ID)
      .min(1, { error: BUSINESS_ID, abort: true })
      .superRefine((from, context) => {
        const problem = businessIdProblem(from);
        if (problem !== null) context.addIssue({ code: "custom", message: problem });
      }),
    BUSINESS_ID,
  )
    .refine(
      (from) => Buffer.byteLength(showFrom(from)) <= BUSINESS_ID_BYTES_MAX,
      `at most ${BUSINESS_ID_BYTES_MAX} bytes long`,
    )
    .optional()
    .describe(
      "The event's own id, for producers that may send an event again: a field, a path (order.id) or @attribute.NAME; several: the first that has a value. Of the events that share one within 16 days, the first is stored; an event without one is refused. Needs a keyring (docs/message-life.md).",
    ),
  allowUnkeyed: z
    .boolean("true or false")
    .default(false)
    .describe("Whether a column may use `mask: sha256`, which has no key and can be reversed by trying all values."),
  batch: batch.prefault({}),
  quarantine: quarantine.prefault({}),
})
  .superRefine(checkAcrossSettings, { when: ({ value }) => isObject(value) && !Array.isArray(value) })
  .describe("The configuration of a piipe pipeline.");

/** Runs also when other settings are wrong, so that all problems show at once: the value may be incomplete. */
function checkAcrossSettings(value: unknown, context: Pick<z.core.$RefinementCtx, "addIssue">): void {
  const config = asObject(value);
  const written = writtenTables(config);
  const sourceEach = asObject(config["source"])["each"];
  const problem = (path: readonly string[], message: string): void =>
    context.addIssue({ code: "custom", path: [...path], message });
  for (const [path, message] of tableProblems(config)) problem(path, message);
  for (const { path, message } of maskProblemsAcross(written, sourceEach, config["allowUnkeyed"] === true))
    problem(path, message);
  const sourceLevels = typeof sourceEach === "string" ? 1 : 0;
  for (const { at, table } of written) {
    for (const { path, message } of levelProblems(at, table, sourceLevels)) problem(path, message);
    for (const { path, message } of conflictProblems(at, table)) problem(path, message);
  }
  const ofSeveral = sourceLevels > 0 ? "source.each" : hasLines(config) ? "unwrap: lines" : null;
  if (ofSeveral !== null && config["dedupeBy"] !== undefined)
    problem(
      ["dedupeBy"],
      `is of one event, and a message has several with ${ofSeveral}; give the table a unique key instead`,
    );
  const unwrap = asObject(config["source"])["unwrap"];
  if (unwrap !== "sns" && !(Array.isArray(unwrap) && unwrap.includes("sns"))) {
    for (const { at, table } of written) {
      for (const [name, settings] of Object.entries(asObject(table["columns"]))) {
        if (!placesIn(asObject(settings)["from"]).some(isOfSns)) continue;
        problem(
          [...at, "columns", name, "from"],
          "names metadata of SNS, and source.unwrap has no sns; add it there, or take the field of the event",
        );
      }
    }
  }
  const { s3 } = asObject(config["source"]);
  if (s3 !== undefined && unwrap !== "s3" && !(Array.isArray(unwrap) && unwrap.includes("s3"))) {
    context.addIssue({
      code: "custom",
      path: ["source", "s3"],
      message: "is for `unwrap: s3`, which source has not; add s3 to source.unwrap, or remove source.s3",
    });
  }
  const { url, password: given } = asObject(asObject(config["sink"])["postgres"]);
  if (given !== undefined && typeof url === "string" && hasPassword(url)) {
    context.addIssue({
      code: "custom",
      path: ["sink", "postgres", "password"],
      message: "is there beside the password of sink.postgres.url; remove one of them",
    });
  }
  const { file, secret } = asObject(config["keys"]);
  if (file !== undefined && secret !== undefined) {
    context.addIssue({
      code: "custom",
      path: ["keys", "secret"],
      message: "is there beside keys.file; remove one of them",
    });
  }
  const table = written[0]?.name;
  const isNamed = config["name"] !== undefined || asObject(config["keys"])["domain"] !== undefined;
  const tableName = typeof table === "string" ? parseTableName(table) : null;
  if (!isNamed && tableName !== null && !isKeyDomain(tableName.name)) {
    context.addIssue({
      code: "custom",
      path: config["tables"] === undefined ? ["sink", "postgres", "table"] : ["tables", tableName.name],
      message: `cannot name the keys' domain, which needs ${KEY_DOMAIN}; give the pipeline a name`,
    });
  }
}

const hasLines = (config: Readonly<Record<string, unknown>>): boolean =>
  [asObject(config["source"])["unwrap"]].flat().includes("lines");

/** The tables in one form, however the configuration gives them. */
function writtenTables(config: Readonly<Record<string, unknown>>): readonly WrittenTable[] {
  if (config["tables"] === undefined) {
    const name = asObject(asObject(config["sink"])["postgres"])["table"];
    return [
      {
        at: [],
        name: typeof name === "string" ? name : null,
        table: { columns: config["columns"], onConflict: config["onConflict"] },
      },
    ];
  }
  return Object.entries(asObject(config["tables"])).map(([name, table]) => ({
    at: ["tables", name],
    name,
    table: asObject(table),
  }));
}

/** One table or several: not both. */
function* tableProblems(config: Readonly<Record<string, unknown>>): Generator<readonly [readonly string[], string]> {
  const postgres = config["sink"] === undefined ? null : asObject(asObject(config["sink"])["postgres"]);
  const isShort = config["tables"] === undefined;
  if (isShort) {
    if (config["columns"] === undefined) yield [["columns"], COLUMNS];
    if (postgres !== null && isObject(asObject(config["sink"])["postgres"]) && postgres["table"] === undefined)
      yield [["sink", "postgres", "table"], TABLE_NAME];
    return;
  }
  const moved = "is for one table, and tables names several; give each its columns there, and remove it here";
  if (config["columns"] !== undefined) yield [["columns"], moved];
  if (config["onConflict"] !== undefined)
    yield [
      ["onConflict"],
      "is for one table, and tables names several; write it to its table there, and remove it here",
    ];
  if (postgres?.["table"] !== undefined) yield [["sink", "postgres", "table"], moved];
}

const isOfSns = (place: ValuePlace): boolean => place.kind === "metadata" && place.name.startsWith("sns.");

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}
