/**
 * What the most hostile bodies cost: each of the largest size, made to be hard for one step between the body and the masked
 * record. Prints the worst time of each step, and of a message, in milliseconds of processor time. Reads the build: `npm
 * run bench:hostile` makes it first. README.md says what the rows are.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const { values: flags } = parseArgs({
  options: {
    bodies: { type: "string", default: "100000" },
    from: { type: "string", default: "0" },
    seed: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const BODIES = Number(flags.bodies);
const FIRST = Number(flags.from);
/** For each 256 KiB of a body. */
const GOAL_MS = 5;
/** Not measured: the first ones are compiled while they run. */
const WARM_UP_BODIES = 60;
/** As often as this a slow body is tried again: what the machine and the collector did besides is not its fault. */
const TRIES = 6;

const root = new URL("../", import.meta.url);
/** @param {string} path of a module of the build */
const built = (path) => import(new URL(`dist/${path}`, root).href);
/** @type {typeof import("../src/keys/keyring.ts")} */
const { Keyring } = await built("keys/keyring.js");
/** @type {typeof import("../src/keys/seal.ts")} */
const { createSeal } = await built("keys/seal.js");
/** @type {typeof import("../src/decode/compile-decoder.ts")} */
const { compileDecoder } = await built("decode/compile-decoder.js");
/** @type {typeof import("../src/decode/limits.ts")} */
const { BODY_BYTES_MAX, STRING_CHARS_MAX } = await built("decode/limits.js");
/** @type {typeof import("../src/decode/unwrap-body.ts")} */
const { compileUnwrap } = await built("decode/unwrap-body.js");
/** @type {typeof import("../src/decode/scan-json.ts")} */
const { scanJson } = await built("decode/scan-json.js");
/** @type {typeof import("../src/pipeline/delivery-bytes.ts")} */
const { bytesOf } = await built("pipeline/delivery-bytes.js");
/** @type {typeof import("../src/mask/compile-mask.ts")} */
const { compileMask } = await built("mask/compile-mask.js");
/** @type {typeof import("../src/mask/inner-masks.ts")} */
const { compileInnerMasks } = await built("mask/inner-masks.js");
/** @type {typeof import("../src/mask/column-tokens.ts")} */
const { isMasked, normalizerOf } = await built("mask/column-tokens.js");
/** @type {typeof import("../src/mask/leak/echo-check.ts")} */
const { compileEchoCheck } = await built("mask/leak/echo-check.js");
/** @type {typeof import("../src/mask/leak/leak-guard.ts")} */
const { compileLeakGuard } = await built("mask/leak/leak-guard.js");

/** @typedef {import("../src/pipeline/contracts.ts").Column} Column */
/** @typedef {Partial<Column> & { readonly path: readonly import("../src/pipeline/contracts.ts").InnerStep[] }} InnerPath */

const columns = [
  column("secret", "text", "hmac-sha256"),
  column("name", "text", "aes-siv"),
  column("device", "text", "hmac-over-sha256"),
  column("revealed", "text", "hmac-sha256", { from: "device", reveal: true }),
  column("ssn", "text", "fpe-ff1", { digits: 9, keyVersion: 1 }),
  column("ip", "ip", "hmac-sha256"),
  column("ip_token", "ip", "ipcrypt-deterministic", { from: "ip", keyVersion: 1 }),
  column("ip_prefix", "ip", "ipcrypt-pfx", { from: "ip", keyVersion: 1 }),
  column("at", "timestamp", "hmac-sha256"),
  column("a", "text", null),
  column("b", "text", null),
  column("c", "text", null),
  column("json", "json", null),
  column("number", "number", null),
  column("count", "integer", null),
  column("attribute", "json", null, { origin: { kind: "attribute", name: "json" } }),
  column("same_attribute", "json", null, { origin: { kind: "attribute", name: "json" } }),
  column("phone", "phone", "hmac-sha256", { region: "DE" }),
  column("mac", "mac", "hmac-sha256"),
  column("amount", "decimal", "hmac-sha256"),
  column("born", "timestamp", "hmac-sha256", { formats: ["rfc3339", "sql", "epoch-ms"], zone: "Europe/Berlin" }),
  column("hop", "ip", "hmac-sha256", { take: "first", strip: "port", otherwise: null }),
  column("coerced", "text", null, { coerce: true }),
  column("whole", "integer", null, { coerce: true }),
  column("texts", "text[]", null),
  column("numbers", "decimal[]", null),
  column("either", "text", null, {
    origin: {
      kind: "first",
      places: [["json", 4_000, "name"], ["json", "name"], ["b"]].map((path) => ({ kind: "field", path })),
    },
  }),
  masksInside("inside", {
    ids: { path: ["ids", null] },
    names: { path: ["people", null, "name"] },
    phones: { path: ["phones", null], type: "phone" },
    ips: { path: ["ips", null], type: "ip" },
    times: { path: ["times", null], type: "timestamp", formats: ["sql"], zone: "Europe/Berlin" },
  }),
];
/** @type {import("../src/pipeline/contracts.ts").BusinessIdField} */
const dedupeBy = { from: "id", origin: { kind: "field", path: ["id"] } };
const { publicKey } = generateKeyPairSync("x25519");
const seal = createSeal(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
const version = (/** @type {number} */ number, /** @type {string} */ state) => ({
  version: number,
  state,
  created: new Date().toISOString(),
  root: randomBytes(32).toString("base64url"),
});
const keyring = Keyring.parse(
  JSON.stringify({
    piipe: "keyring",
    format: 1,
    versions: [version(1, "linking"), version(2, "primary")],
  }),
  "the benchmark's keyring",
);
/** @typedef {readonly import("../src/pipeline/contracts.ts").UnwrapStep[]} Steps */
const target = { columns, when: [], each: null, bounds: new Map() };
/** By their steps. @type {Map<string, import("../src/pipeline/contracts.ts").Decode>} */
const decoders = new Map();
/** @param {Steps} unwrap */
function decoderOf(unwrap) {
  const key = unwrap.join();
  const known = decoders.get(key) ?? compileDecoder([target], { unknownFields: "ignore", dedupeBy, unwrap });
  decoders.set(key, known);
  return known;
}
const sealing = { keyring, domain: "hostile", seal };
const maskInner = compileInnerMasks(columns, sealing) ?? fail();
const mask = compileMask([columns], { ...sealing, dedupeBy });
const echoCheck = compileEchoCheck([columns]);
const guard = compileLeakGuard([columns]);
const detectors = compileLeakGuard([columns.map((each) => (each.mask === null ? each : { ...each, echo: "allow" }))]);
const normalizers = columns.map((each) => (isMasked(each) ? normalizerOf(each) : null));

const seed = Number(flags.seed ?? Date.now() % 1e9);
console.error(`seed ${seed}`);
let state = 0;
/** A random number below, always the same for a seed and a body (Mulberry32). */
function below(/** @type {number} */ limit) {
  state = (state + 0x6d2b79f5) | 0;
  let bits = Math.imul(state ^ (state >>> 15), 1 | state);
  bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
  return ((bits ^ (bits >>> 14)) >>> 0) % limit;
}
/** @template T @param {readonly T[]} list @returns {T} */
const pick = (list) => /** @type {T} */ (list[below(list.length)]);

/** What texts are made of: near matches of what is searched for, and what is dear to fold, to unescape or to normalise. */
const UNITS = [
  "z",
  "zy",
  "aab",
  "abcabcabd",
  "1",
  "12",
  "1 ",
  "1-",
  "593-47-5928 ",
  "593 47 592",
  " ",
  "  a",
  ".",
  ":",
  "-",
  "+",
  "@",
  "(",
  "_",
  "/",
  "%",
  "%4",
  "%41",
  "%C3%A9",
  "%25",
  "\\",
  "\\n",
  "\\u0041",
  "\\u00",
  '\\"',
  "\\\\",
  "\\\\u0022",
  '"',
  '":',
  '{"a":',
  "{",
  "[",
  "]",
  '{"name":1,',
  '"{\\"name\\":1,',
  "é",
  "e\u0301",
  "\u0301",
  "\u0345\u0301",
  `a${"\u0345\u0301\u0323".repeat(10)}`,
  "\u1100\u1161\u11a8",
  "\uac01",
  "\ufb01",
  "\ufdfa",
  "\u0130",
  "\u03a3",
  "\uff11",
  "\u0958",
  "\u{1d7cf}",
  "\u{1e8d0}",
  "\u{1f600}",
  "\u{1d165}",
  // Decomposed for good (UAX #15 section 5): their NFC is longer.
  "\u{1d15e}",
  "\u{1d160}",
  "\u{1d1bb}",
  "\ufb2c",
  "\u2adc",
  "\u0f73",
  "\u0390",
  "\u2028",
  "\u0000".replace("\0", "\u0001"),
  "a@",
  "a@b.",
  "@a.a",
  "a.b@",
  "1.1.1.1.",
  "2001:",
  "2001:db8::g ",
  "2001:0 ",
  "fe80: ",
  "aa:",
  "aa-",
  "+1 ",
  "+1 2 3 4 5 6 ",
  "1234 ",
  "4111 1111 1111 1112 ",
  "4111111111111112 ",
  "DE89 3704 ",
  "MT11 1111 ",
  "MT111111 1",
  "eyJ.",
  "eyJhbGci.a.",
  "eyJhbGciOiJ9.a. ",
  "123-45-",
  "123-45-6789-",
  "00:1b:44:11:3a:",
  "415-555-",
  "(415) 555-",
  "001b.",
];
/** What arrays are made of. */
const ELEMENTS = [
  "1,",
  "-0,",
  "1e1,",
  "1e-301,",
  "-0.1,",
  "1.10,",
  "1E2,",
  "{},",
  "[],",
  '"",',
  '"\\n",',
  '"\\u0041",',
  '"a",',
  "true,",
  "null,",
  '"\\\\",',
  "1e300,",
  "0.1234567890123456,",
  "1234567890123456,",
  '"a@b.c",',
  "[[1],[2]],",
  "1e9,",
  "1e40,",
  "1.5e-30,",
  "1.50,",
  '"{\\"k\\":1}",',
];

/** @param {number} bytes */
function text(bytes) {
  const unit = pick(UNITS) + (below(3) === 0 ? pick(UNITS) : "");
  const count = Math.floor(bytes / Buffer.byteLength(JSON.stringify(unit).slice(1, -1)));
  return unit.repeat(Math.max(0, Math.min(count, Math.floor(STRING_CHARS_MAX / unit.length))));
}

/** A text as large as a body may be. */
const full = (/** @type {string} */ unit) => unit.repeat(Math.floor(BODY_BYTES_MAX / Buffer.byteLength(unit)));
const base64 = (/** @type {string | Uint8Array} */ content) => Buffer.from(content).toString("base64");
const notification = (/** @type {string} */ Message, more = "") =>
  `{"Type":"Notification","TopicArn":"arn:aws:sns:eu-west-1:000000000000:t"${more},"Message":${JSON.stringify(Message)}}`;
const bomb = gzipSync(Buffer.alloc(500_000_000));
/** Of bytes that pack badly, and so take long to unpack for what they are. */
const noise = gzipSync(randomBytes(BODY_BYTES_MAX * 0.7));

/** What a body can be wrapped in, and what only looks so. @type {readonly ((body: string) => readonly [Steps, string])[]} */
const WRAPPINGS = [
  (body) => [["gzip"], base64(gzipSync(body))],
  (body) => [["sns", "gzip"], notification(base64(gzipSync(body)))],
  (body) => [["gzip", "sns", "gzip"], base64(gzipSync(notification(base64(gzipSync(body)))))],
  (body) => [["base64"], base64(body.slice(0, BODY_BYTES_MAX / 4))],
  (body) => [["json"], JSON.stringify(body.slice(0, BODY_BYTES_MAX / 2))],
  (body) => [["gzip", "json"], base64(gzipSync(JSON.stringify(body.slice(0, BODY_BYTES_MAX / 2))))],
  () => [["gzip"], base64(bomb)],
  () => [["gzip", "gzip"], base64(gzipSync(bomb))],
  () => [["base64", "gzip", "gzip", "gzip", "gzip"], base64(gzipSync(gzipSync(gzipSync(bomb))))],
  () => [["gzip", "json"], base64(gzipSync(full(pick(['"', "\\", '"\\', "[", " "]))))],
  () => [["gzip", "base64"], base64(gzipSync(full(pick(["A", "=", "\n", "A\r\n", "\r", "AA=="]))))],
  () => [["gzip", "base64", "gzip"], base64(gzipSync(base64(noise).slice(0, BODY_BYTES_MAX)))],
  () => [["base64"], full(pick(["A", "=", "A\r\n", "\r", " ", "AAA=", "é"]))],
  () => [["gzip"], base64(noise)],
  () => [["json"], full(pick(['"', '\\"', " "]))],
  () => [["json", "json", "json", "json"], [1, 2, 3, 4].reduce((inner) => JSON.stringify(inner), text(60_000))],
  () => [["sns"], notification("{}", `,"x":[${full(pick(ELEMENTS)).slice(0, -400)}0]`)],
  () => [["sns"], notification(full(pick(["\\", '"', "\u0001", "é"])).slice(0, BODY_BYTES_MAX / 8))],
  () => [["sns"], notification("{}", `,"x":${"[".repeat(400_000)}${"]".repeat(400_000)}`)],
];

/** @returns {{ body: string, attribute: string | null, unwrap: Steps }} */
function newMessage() {
  const { body, attribute } = newEvent();
  if (below(3) > 0) return { body, attribute, unwrap: [] };
  const [unwrap, wrapped] = pick(WRAPPINGS)(body);
  return { body: wrapped, attribute, unwrap };
}

/** The text of an event, and of the attribute that it comes with. */
function newEvent() {
  const unit = pick(UNITS);
  const needle = pick([
    () => unit + text(100_000).slice(0, pick([10, 300, 32_000, 60_000])),
    () => text(100_000).slice(0, pick([10, 300, 32_000, 60_000])) + unit,
    () => "593-47-5928",
    () => `${text(60)}y`,
  ])();
  const event = {
    secret: needle || "secret",
    name: pick([needle.slice(0, 300), "Jane Doe", text(20_000).slice(0, 9_000)]) || "name",
    device: pick(["593-47-5928", `${unit.repeat(20)}y`, "0f8fad5b-d9cb-469f-a165-70867728950e"]),
    id: text(900).slice(0, 200) || "id",
    ssn: pick(["593-47-5928", "593475928", "593 47 5928"]),
    ip: pick(["203.0.113.9", "2001:db8::1"]),
    at: "2026-01-31T23:59:59.000000Z",
    a: "",
    b: "",
    c: "",
    number: 1.5,
    count: 1,
    ...newValues(needle),
  };
  const bytes = (/** @type {object} */ value) => Buffer.byteLength(JSON.stringify(value));
  const many = pick([
    () => "[]",
    () => `[${full(pick(ELEMENTS))}`,
    () =>
      `{${Array.from({ length: 900 }, (_, at) => `"${pick(["k", "\\u006b", "é", "name"])}${at}":${pick(ELEMENTS)}`).join("")}`,
  ])();
  // A part that is cut to what is left, so that the body has the size of the largest.
  const room = Math.max(0, BODY_BYTES_MAX - bytes(event) - 12);
  if (many === "[]") {
    const same = below(2) === 0 ? needle.slice(0, 400) || unit : null;
    for (const field of /** @type {const} */ (["a", "b", "c"])) {
      event[field] =
        same === null
          ? text(room / 3)
          : same
              .repeat(Math.ceil(room / same.length))
              .slice(
                0,
                Math.min(
                  STRING_CHARS_MAX,
                  Math.floor(room / 3 / Math.max(1, Buffer.byteLength(JSON.stringify(same)) / same.length)),
                ),
              );
    }
    const body = `${JSON.stringify(event).slice(0, -1)},"json":[]}`;
    return { body: body + " ".repeat(Math.max(0, BODY_BYTES_MAX - Buffer.byteLength(body))), attribute: null };
  }
  // Two columns store the attribute: together they hold no more than one does of a body.
  const isAttribute = below(3) === 0;
  const jsonRoom = isAttribute ? room / 2 : room;
  const cut = many.slice(0, many.lastIndexOf(",", Math.min(many.length, jsonRoom - 2)));
  const json = `${cut}${many[0] === "[" ? "]" : "}"}`;
  if (isAttribute) return { body: JSON.stringify(event), attribute: json };
  return { body: `${JSON.stringify(event).slice(0, -1)},"json":${json}}`, attribute: null };
}

/** @template T @param {() => T} make @returns {T[]} */
const several = (make) => Array.from({ length: pick([0, 1, 100, 4_096]) }, make);

/** Of up to 200 characters, which begin or end alike, or neither. */
function distinct(/** @type {string} */ needle) {
  const same = needle.slice(0, pick([0, 20, 190]));
  const fill = pick(["", "x", "0", "\u00e9"]).repeat(190 - same.length);
  return pick([
    () => `${same}${below(1e9)}${fill}`,
    () => `${below(1e9)}${same}${fill}`,
    () => `${same}${fill}${below(1e9)}`,
  ]);
}

/** Values of the types that are read in several ways: nearly always good ones, so that the other steps have their work. */
function newValues(/** @type {string} */ needle) {
  const short = needle.slice(0, 60) || "short";
  return {
    phone: pick(["030 / 1234567", "+49 (30) 123-45-67", "1".repeat(64), below(20) === 0 ? "+".repeat(60_000) : null]),
    mac: pick(["00:1b:44:11:3a:b7", "001B.4411.3AB7", below(20) === 0 ? "0".repeat(60_000) : null]),
    amount: pick([
      "12.50",
      `1.${"0".repeat(900)}1`,
      "1e-999",
      "9".repeat(999),
      below(20) === 0 ? "1".repeat(60_000) : 1e3,
    ]),
    born: pick([1_772_359_200_123, "2026-03-01 10:00:00.5", "2026-03-01T10:00:00+05:30", "2026-03-29 02:30:00"]),
    hop: pick(["203.0.113.9:443", "[2001:db8::1]:443", `203.0.113.9${", 10.0.0.1".repeat(6_000)}`, "[".repeat(60_000)]),
    coerced: pick([true, 1.5, 2 ** 63, short]),
    whole: pick(["5", "9007199254740993", 5]),
    ...pick([
      () => ({ texts: several(() => short), numbers: [] }),
      () => ({ texts: [], numbers: several(() => pick(["1.10", 1e3, "12345678901234567890.5"])) }),
      () => ({ inside: { ids: several(() => short), people: [] } }),
      () => ({ inside: { ids: several(distinct(needle)), people: [] } }),
      () => ({ inside: { phones: several(() => `+49 30 ${below(1e7)}`) } }),
      () => ({
        inside: { ips: several(() => `2001:db8::${below(65_536).toString(16)}:${below(65_536).toString(16)}`) },
      }),
      () => ({ inside: { times: several(() => new Date(below(2 ** 31) * 1_000).toISOString().slice(0, 19)) } }),
      () => ({
        inside: { ids: [], people: Array.from({ length: 400 }, () => ({ name: `${short}${below(1e6)}`, n: 1 })) },
      }),
    ])(),
  };
}

const unwrapOf = (/** @type {Steps} */ steps) => compileUnwrap(steps, []);

/** @type {Map<string, { ms: number, body: number }>} */
const worst = new Map();
/** @type {Map<string, number>} */
const outcomes = new Map();
const STEPS_OF_MASK = ["normalise", "inner masks", "echo check", "detectors", "leak guard"];

for (let index = FIRST - WARM_UP_BODIES; index < FIRST + BODIES; index += 1) {
  // Each by itself, so that any of them can be made again alone.
  state = seed + Math.imul(index, 0x9e3779b9);
  const { body: written, attribute, unwrap } = newMessage();
  const decode = decoderOf(unwrap);
  const body = Buffer.from(written).toString();
  const attributes = new Map(attribute === null ? [] : [["json", attribute]]);
  const delivery = {
    id: "1",
    attempt: 1,
    sentAtMs: 0,
    receivedAtMs: 0,
    groupId: null,
    body,
    bytes: bytesOf(body, attributes),
    attributes,
  };
  let outcome = "taken";
  const atMost = measure("message", index, Infinity, () => {
    const decoded = decode(delivery);
    const result = decoded.ok ? mask(decoded.value) : decoded;
    if (!result.ok) outcome = result.error.code;
  });
  if (index >= FIRST) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  measure("scan", index, atMost, () => scanJson(body));
  if (unwrap.length > 0) measure("unwrap", index, atMost, () => unwrapOf(unwrap)(delivery));
  measure("decode", index, atMost, () => decode(delivery));
  if (STEPS_OF_MASK.every((step) => atMost <= worstOf(step, index))) continue;
  const decoded = decode(delivery);
  if (!decoded.ok) continue;
  const row = decoded.value.rows[0] ?? fail();
  const normalize = () =>
    row.values.map((value, at) => (value === null ? null : (normalizers[at]?.(String(value)) ?? null)));
  measure("normalise", index, atMost, normalize);
  measure("inner masks", index, atMost, () => maskInner(row, [...row.values], null));
  const masked = maskInner(row, [...row.values], null);
  if (!masked.ok) continue;
  const { rest, hidden: inner } = masked.value;
  const hidden = normalize();
  measure("echo check", index, atMost, () => echoCheck([{ row: rest, hidden, inner }]));
  measure("detectors", index, atMost, () => detectors([{ row: rest, hidden }]));
  measure("leak guard", index, atMost, () => guard([{ row: rest, hidden, inner }]));
}

if (flags.json) {
  console.log(
    JSON.stringify({
      node: process.version,
      unit: "ms",
      goal: (GOAL_MS * BODY_BYTES_MAX) / 262_144,
      worst: Object.fromEntries(worst),
      outcomes: Object.fromEntries(outcomes),
    }),
  );
} else {
  console.log(`Node ${process.version}: worst of ${BODIES} bodies of ${BODY_BYTES_MAX / 1024} KiB, in ms`);
  for (const [step, { ms, body }] of worst) console.log(`${step.padEnd(12)}${ms.toFixed(2).padStart(8)}  body ${body}`);
  console.log([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(", "));
  console.log(`The goal for each step on a quiet machine is ${(GOAL_MS * BODY_BYTES_MAX) / 262_144} at most.`);
}

/**
 * The most milliseconds that the step took with bodies before this one. Those to warm up have no worst.
 * @param {string} step
 * @param {number} body
 */
function worstOf(step, body) {
  return body < FIRST ? 0 : (worst.get(step)?.ms ?? 0);
}

/**
 * @param {string} step
 * @param {number} body
 * @param {number} atMost milliseconds: a step that was slower with another body is not measured with this one
 * @param {() => unknown} run
 * @returns {number} the fewest milliseconds of all tries
 */
function measure(step, body, atMost, run) {
  const known = worstOf(step, body);
  let ms = atMost;
  for (let tries = body < FIRST ? TRIES - 1 : 0; tries < TRIES && ms > known; tries += 1) {
    // Not what a clock would say: other programs take their part of that.
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    ms = Math.min(ms, (user + system) / 1_000);
  }
  if (body >= FIRST && ms > known) worst.set(step, { ms, body });
  return ms;
}

/**
 * @param {string} name
 * @param {Readonly<Record<string, InnerPath>>} inner by the last part of its name
 * @returns {Column}
 */
function masksInside(name, inner) {
  const masks = Object.entries(inner).map(([key, { path, type = "text", ...more }]) => ({
    ...column(`${name}.${key}`, type, "hmac-sha256", more),
    mask: /** @type {const} */ ("hmac-sha256"),
    inside: { column: name, path },
  }));
  return column(name, "json", null, { masks });
}

/**
 * @param {string} name
 * @param {Column["type"]} type
 * @param {Column["mask"]} masked
 * @param {Partial<Column>} [more]
 * @returns {Column}
 */
function column(name, type, masked, more = {}) {
  return {
    name,
    from: name,
    origin: { kind: "field", path: [more.from ?? name] },
    type,
    mask: masked,
    nullable: true,
    digits: null,
    precision: null,
    keyVersion: null,
    reveal: false,
    piiDetection: masked === null ? "warn" : "off",
    ...more,
  };
}

/** @returns {never} */
function fail() {
  throw new Error("an event without a row, or columns without masks inside");
}
