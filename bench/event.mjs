/**
 * What one login event costs on one core: decoding, masking, and the whole way, beside the part that no code of this
 * project can save. Reads the build: `npm run bench:event` makes it first. README.md says what the rows are.
 */
import { generateKeyPairSync, randomBytes, randomInt, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { FEATURES } from "./event-features.mjs";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean", default: false }, features: { type: "boolean", default: false } },
});

/** What parsing an event and masking two of its values may cost. */
const GOAL_MICROSECONDS = 4;
/** No value is met twice in a round, and all fit into a processor's cache, as a batch does. */
const EVENTS = 2_000;
const WARM_UP_MS = 2_000;
const MEASURE_MS = flags.features ? 24_000 : 8_000;

const root = new URL("../", import.meta.url);
/** @param {string} path of a module of the build */
const built = (path) => import(new URL(`dist/${path}`, root).href);
/** @type {typeof import("../src/config/load-config.ts")} */
const { loadConfig, parseConfig } = await built("config/load-config.js");
/** @type {typeof import("../src/keys/keyring.ts")} */
const { Keyring } = await built("keys/keyring.js");
/** @type {typeof import("../src/keys/seal.ts")} */
const { createSeal } = await built("keys/seal.js");
/** @type {typeof import("../src/decode/compile-decoder.ts")} */
const { compileDecoder } = await built("decode/compile-decoder.js");
/** @type {typeof import("../src/decode/unwrap-body.ts")} */
const { compileFindPointer, compileUnwrap } = await built("decode/unwrap-body.js");
/** @type {typeof import("../src/mask/compile-mask.ts")} */
const { compileMask } = await built("mask/compile-mask.js");
/** @type {typeof import("../src/mask/column-tokens.ts")} */
const { isMasked, normalizerOf, tokenizerOf } = await built("mask/column-tokens.js");
/** @type {typeof import("../src/mask/leak/leak-guard.ts")} */
const { compileLeakGuard } = await built("mask/leak/leak-guard.js");

/** @typedef {import("../src/pipeline/contracts.ts").Delivery} Delivery */

const config = await loadConfig(fileURLToPath(new URL("examples/logins/piipe.yaml", root)), {});
const options = { keyring: Keyring.parse(newKeyring(), "the benchmark's keyring"), domain: "logins", seal: null };
const columns = config.tables.flatMap((table) => table.columns);
const targets = config.tables.map((table) => ({ ...table, bounds: tableBounds() }));
const decode = compileDecoder(targets, { unknownFields: "ignore" });
const mask = compileMask([columns], options);
const guard = compileLeakGuard([columns]);
const [ip = fail(), deviceId = fail()] = columns.filter(isMasked).map((column) => ({
  index: columns.indexOf(column),
  normalize: normalizerOf(column),
  tokenize: tokenizerOf(column, options),
}));

const deliveries = Array.from({ length: EVENTS }, newDelivery);
const decoded = deliveries.map((delivery) => {
  const row = unwrap(decode(delivery)).rows[0] ?? fail();
  const hidden = row.values.map((value, index) =>
    index === ip.index || index === deviceId.index ? String(value) : null,
  );
  return { row, hidden };
});

/** What `source.unwrap` takes a body out of, and how it got there. */
const WRAPPINGS = /** @type {const} */ ({
  sns: (/** @type {string} */ body) =>
    JSON.stringify({
      Type: "Notification",
      MessageId: randomUUID(),
      TopicArn: "arn:aws:sns:us-west-1:000000000000:logins",
      Message: body,
      Timestamp: new Date().toISOString(),
      SignatureVersion: "1",
      Signature: randomBytes(256).toString("base64"),
      SigningCertURL: "https://sns.us-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
      UnsubscribeURL: "https://sns.us-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-west-1",
    }),
  base64: (/** @type {string} */ body) => Buffer.from(body).toString("base64"),
  gzip: (/** @type {string} */ body) => gzipSync(body).toString("base64"),
  json: (/** @type {string} */ body) => JSON.stringify(body),
});
const STEPS = /** @type {(keyof typeof WRAPPINGS)[]} */ (Object.keys(WRAPPINGS));
const unwrapping = STEPS.map((step) => {
  const take = compileUnwrap([step], []);
  const wrapped = deliveries.map((delivery) => ({ ...delivery, body: WRAPPINGS[step](delivery.body) }));
  return {
    name: `unwrap.${step}`,
    what: `unwrap: ${step}`,
    run: (/** @type {Delivery} */ _, /** @type {number} */ at) =>
      void (used += unwrap(take(wrapped[at] ?? fail())).body.length),
  };
});

/** Grows by every result, so that no work can be left out. */
let used = 0;

/** @typedef {{ name: string, what: string, run: (delivery: Delivery, at: number) => void }} Part */

/** @type {Part} */
const WHOLE = {
  name: "event",
  what: "the whole way, leak guard and all",
  run: (delivery) => void (used += unwrap(mask(unwrap(decode(delivery)))).rows.length),
};
/** @type {readonly Part[]} */
const PARTS = [
  { name: "parse", what: "JSON.parse", run: ({ body }) => void (used += JSON.parse(body).ip.length) },
  {
    name: "floor",
    what: "JSON.parse and two HMAC tokens",
    run: ({ body }) => {
      const event = JSON.parse(body);
      useToken(ip.tokenize(event.ip));
      useToken(deviceId.tokenize(event.device_id));
    },
  },
  { name: "decode", what: "decode", run: (delivery) => void (used += unwrap(decode(delivery)).rows.length) },
  {
    name: "decodeAndMasks",
    what: "decode, normalise, two HMAC tokens",
    run: (delivery) => {
      const { values } = unwrap(decode(delivery)).rows[0] ?? fail();
      useToken(ip.tokenize(ip.normalize(String(values[ip.index])) ?? fail()));
      useToken(deviceId.tokenize(deviceId.normalize(String(values[deviceId.index])) ?? fail()));
    },
  },
  {
    name: "leakGuard",
    what: "leak guard",
    run: (_, at) => {
      used += unwrap(guard([decoded[at] ?? fail()])).length;
    },
  },
  WHOLE,
  ...unwrapping,
];
const parts = flags.features ? [WHOLE, ...FEATURES.map(withFeature), ...pointers()] : PARTS;

/** @type {Map<string, number[]>} microseconds an event, a number for each round */
const samples = new Map(parts.map(({ name }) => [name, []]));
const startedMs = processorMs();
for (let tookMs = 0; tookMs < WARM_UP_MS + MEASURE_MS; tookMs = processorMs() - startedMs) {
  // The parts take turns, so that a busy moment of the machine falls on all of them.
  for (const { name, run } of parts) {
    const microseconds = measure(run);
    if (tookMs >= WARM_UP_MS) samples.get(name)?.push(microseconds);
  }
}
if (used === 0) fail();

const results = parts.map(({ name, what }) => {
  const sorted = (samples.get(name) ?? []).toSorted((a, b) => a - b);
  const at = (/** @type {number} */ share) => sorted[Math.round((sorted.length - 1) * share)] ?? fail();
  return { name, what, rounds: sorted.length, lowest: at(0), median: at(0.5), p90: at(0.9) };
});
if (flags.json) {
  const byName = Object.fromEntries(
    results.map(({ name, rounds, lowest, median, p90 }) => [name, { rounds, lowest, median, p90 }]),
  );
  const goal = flags.features ? {} : { goal: GOAL_MICROSECONDS };
  console.log(JSON.stringify({ node: process.version, unit: "us/event", ...goal, parts: byName }));
} else {
  const us = (/** @type {number} */ number) => number.toFixed(2).padStart(8);
  console.log(`Node ${process.version}: microseconds of processor time an event, ${results[0]?.rounds} rounds`);
  console.log(`${"".padEnd(44)}  lowest  median     p90`);
  for (const { what, lowest, median, p90 } of results) {
    console.log(`${what.padEnd(44)}${us(lowest)}${us(median)}${us(p90)}`);
  }
  if (!flags.features)
    console.log(`The goal for decoding and two masks on a quiet machine is ${GOAL_MICROSECONDS} at most.`);
}

/**
 * The whole way of an event with a field and a column more.
 * @param {import("./event-features.mjs").Feature} feature
 * @returns {Part}
 */
function withFeature({ name, what, json, columns: more, dedupeBy: from }) {
  const settings = {
    source: { sqs: { queue: "login-queue" } },
    sink: { postgres: { url: "postgres://127.0.0.1/postgres", table: "user_logins" } },
    keys: { file: "./piipe.keys.json" },
    columns: more,
    ...(from === undefined ? {} : { dedupeBy: from }),
  };
  const added =
    Object.keys(more).length === 0
      ? []
      : parseConfig(settings, { baseFolder: "." }).tables.flatMap((table) => table.columns);
  const all = [...columns, ...added];
  const dedupeBy = from === undefined ? null : { from, origin: /** @type {const} */ ({ kind: "field", path: [from] }) };
  const { publicKey } = generateKeyPairSync("x25519");
  const seal = createSeal(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
  const decodeAll = compileDecoder(
    targets.map((target) => ({ ...target, columns: all })),
    { unknownFields: "ignore", dedupeBy },
  );
  const maskAll = compileMask([all], { ...options, seal, dedupeBy });
  const longer = deliveries.map((delivery) => {
    const body = `${delivery.body.slice(0, -1)},${json()}}`;
    return { ...delivery, body, bytes: Buffer.byteLength(body) };
  });
  return {
    name,
    what: `+ ${what}`,
    run: (_, at) => void (used += unwrap(maskAll(unwrap(decodeAll(longer[at] ?? fail())))).rows.length),
  };
}

/**
 * The look for a pointer to an object in S3, without the fetching; in place of the whole way.
 * @returns {readonly Part[]}
 */
function pointers() {
  const find = compileFindPointer(["s3"]);
  const pointing = deliveries.map(({ id }) =>
    JSON.stringify(["software.amazon.payloadoffloading.PayloadS3Pointer", { s3BucketName: "events", s3Key: id }]),
  );
  return [
    { name: "s3.none", what: "unwrap: s3, no pointer", run: ({ body }) => void (used += find(body) === null ? 1 : 0) },
    {
      name: "s3.pointer",
      what: "unwrap: s3, a pointer found, not followed",
      run: (_, at) => void (used += find(pointing[at] ?? "")?.object.key.length ?? fail()),
    },
  ];
}

/**
 * Processor time, as a clock would count what other programs take.
 * @param {(delivery: Delivery, at: number) => void} run
 * @returns {number} microseconds an event
 */
function measure(run) {
  const before = process.cpuUsage();
  deliveries.forEach(run);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / EVENTS;
}

function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** @param {string | null | undefined} token */
function useToken(token) {
  used += token?.length ?? fail();
}

/**
 * What examples/logins/user-logins.sql declares.
 * @returns {ReadonlyMap<string, import("../src/pipeline/contracts.ts").ColumnBounds>}
 */
function tableBounds() {
  /** @type {(charsMax: number) => import("../src/pipeline/contracts.ts").ColumnBounds} */
  const chars = (charsMax) => ({ charsMax, integerMin: null, integerMax: null, isText: true });
  const integer = { charsMax: null, integerMin: -2_147_483_648, integerMax: 2_147_483_647, isText: false };
  return new Map(
    Object.entries({
      user_id: chars(128),
      device_type: chars(32),
      masked_ip: chars(256),
      masked_device_id: chars(256),
      locale: chars(32),
      app_version: integer,
    }),
  );
}

function newKeyring() {
  const created = new Date().toISOString();
  const version = { version: 1, state: "primary", created, root: randomBytes(32).toString("base64url") };
  return JSON.stringify({ piipe: "keyring", format: 1, versions: [version] });
}

/** @returns {Delivery} */
function newDelivery() {
  const pick = (/** @type {readonly string[]} */ list) => list[randomInt(list.length)] ?? fail();
  const digits = (/** @type {number} */ count) => String(randomInt(10 ** count)).padStart(count, "0");
  const body = JSON.stringify({
    user_id: randomUUID(),
    app_version: `${randomInt(10)}.${randomInt(20)}.${randomInt(10)}`,
    device_type: pick(["android", "ios"]),
    ip: Array.from({ length: 4 }, () => randomInt(256)).join("."),
    locale: pick(["RU", "US", "PE", "CN", "KE", "DE"]),
    device_id: `${digits(3)}-${digits(2)}-${digits(4)}`,
  });
  const sentAtMs = Date.now();
  return {
    id: randomUUID(),
    attempt: 1,
    sentAtMs,
    receivedAtMs: sentAtMs,
    groupId: null,
    body,
    bytes: Buffer.byteLength(body),
    attributes: new Map(),
  };
}

/**
 * @template T
 * @param {import("../src/pipeline/contracts.ts").Result<T, unknown>} result
 * @returns {T}
 */
function unwrap(result) {
  return result.ok ? result.value : fail();
}

/** @returns {never} */
function fail() {
  throw new Error("the sample events do not pass");
}
