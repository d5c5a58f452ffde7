/**
 * What may be added to a login event: settings of columns, and the fields that they read. Each is measured beside the event
 * without it; the first ones say what any column more costs.
 */
import { randomBytes, randomInt, randomUUID } from "node:crypto";

/**
 * @typedef {object} Feature
 * @property {string} name
 * @property {string} what
 * @property {() => string} json fields of the event, each with new values
 * @property {Readonly<Record<string, object>>} columns
 * @property {string} [dedupeBy]
 */

const digits = (/** @type {number} */ count) => String(randomInt(10 ** count)).padStart(count, "0");
const hex = (/** @type {number} */ bytes) => randomBytes(bytes).toString("hex");
const ip = () => Array.from({ length: 4 }, () => randomInt(1, 224)).join(".");
const time = () => new Date(Date.UTC(2026, 2, 1) + randomInt(86_400_000));
const several = (/** @type {number} */ count, /** @type {() => string} */ make) =>
  `[${Array.from({ length: count }, make).join(",")}]`;

const hmac = { mask: "hmac-sha256" };
const word = () => `"x":"${hex(6)}"`;
const ssn = () => `"x":"${digits(3)}-${digits(2)}-${digits(4)}"`;
const address = () => `"x":"${ip()}"`;
const context = () => `"x":{"ip":"${ip()}","devices":[{"id":"${hex(6)}"},{"id":"${hex(6)}"}],"size":[390,844]}`;

/** @type {readonly Feature[]} */
export const FEATURES = [
  { name: "text", what: "text", json: word, columns: { x: { type: "text" } } },
  { name: "textHmac", what: "text, hmac-sha256", json: word, columns: { x: { type: "text", ...hmac } } },
  { name: "integer", what: "integer", json: () => `"x":${randomInt(1e9)}`, columns: { x: { type: "integer" } } },
  {
    name: "int64",
    what: "integer beyond 2^53",
    json: () => `"x":9${digits(9)}${digits(8)}`,
    columns: { x: { type: "integer" } },
  },
  {
    name: "coerce",
    what: 'integer, coerce: true, of "123"',
    json: () => `"x":"${randomInt(1e9)}"`,
    columns: { x: { type: "integer", coerce: true } },
  },
  {
    name: "decimalNumber",
    what: "decimal, of 129.90",
    json: () => `"x":${randomInt(1_000)}.${digits(2)}`,
    columns: { x: { type: "decimal" } },
  },
  {
    name: "decimalText",
    what: 'decimal, of "129.90"',
    json: () => `"x":"${randomInt(1_000)}.${digits(2)}"`,
    columns: { x: { type: "decimal" } },
  },
  {
    name: "timestamp",
    what: "timestamp",
    json: () => `"x":"${time().toISOString()}"`,
    columns: { x: { type: "timestamp" } },
  },
  {
    name: "offset",
    what: "timestamp with an offset",
    json: () => `"x":"${time().toISOString().slice(0, 19)}+05:30"`,
    columns: { x: { type: "timestamp" } },
  },
  {
    name: "epoch",
    what: "timestamp, format: epoch-ms",
    json: () => `"x":${time().getTime()}`,
    columns: { x: { type: "timestamp", format: "epoch-ms" } },
  },
  {
    name: "zone",
    what: "timestamp, format: sql, zone, of one day",
    json: () => `"x":"${time().toISOString().slice(0, 19).replace("T", " ")}"`,
    columns: { x: { type: "timestamp", format: "sql", zone: "Europe/Berlin" } },
  },
  {
    name: "zoneAnyDay",
    what: "timestamp, format: sql, zone, of any day",
    json: () => `"x":"${new Date(randomInt(2 ** 31) * 1_000).toISOString().slice(0, 19).replace("T", " ")}"`,
    columns: { x: { type: "timestamp", format: "sql", zone: "Europe/Berlin" } },
  },
  {
    name: "texts",
    what: "text[], of 5",
    json: () => `"x":${several(5, () => `"${hex(3)}"`)}`,
    columns: { x: { type: "text[]" } },
  },
  {
    name: "integers",
    what: "integer[], of 5",
    json: () => `"x":${several(5, () => String(randomInt(1e6)))}`,
    columns: { x: { type: "integer[]" } },
  },
  {
    name: "path",
    what: "text, from: a.b[0].c",
    json: () => `"x":{"b":[{"c":"${hex(6)}"}]}`,
    columns: { x: { from: "x.b[0].c", type: "text" } },
  },
  {
    name: "first",
    what: "text, from: the second of [a.b, c]",
    json: () => `"z":{},${word()}`,
    columns: { x: { from: ["z.b", "x"], type: "text" } },
  },
  {
    name: "constant",
    what: "text, value: of the settings",
    json: word,
    columns: { x: { type: "text", value: "acme" } },
  },
  {
    name: "default",
    what: "text, default: for null",
    json: () => `"x":null`,
    columns: { x: { type: "text", default: "web" } },
  },
  {
    name: "phone",
    what: "phone, region: DE, hmac-sha256",
    json: () => `"x":"030 ${digits(7)}"`,
    columns: { x: { type: "phone", region: "DE", ...hmac } },
  },
  {
    name: "mac",
    what: "mac, hmac-sha256",
    json: () => `"x":"${hex(6).match(/../g)?.join("-")}"`,
    columns: { x: { type: "mac", ...hmac } },
  },
  { name: "ip", what: "ip, hmac-sha256", json: address, columns: { x: { type: "ip", ...hmac } } },
  {
    name: "forwarded",
    what: "ip, take: first, strip: port, hmac-sha256",
    json: () => `"x":"${ip()}:4711, 10.0.0.1"`,
    columns: { x: { type: "ip", take: "first", strip: "port", ...hmac } },
  },
  { name: "json", what: "json of 110 bytes", json: context, columns: { x: { type: "json" } } },
  {
    name: "innerMasks",
    what: "json of 110 bytes, masks: 3 values",
    json: context,
    columns: { x: { type: "json", masks: { ip: { type: "ip", ...hmac }, "devices[].id": "hmac-sha256" } } },
  },
  {
    name: "overSha256",
    what: "text, hmac-over-sha256",
    json: word,
    columns: { x: { type: "text", mask: "hmac-over-sha256" } },
  },
  { name: "aesSiv", what: "text, aes-siv", json: word, columns: { x: { type: "text", mask: "aes-siv" } } },
  {
    name: "reveal",
    what: "text, hmac-sha256, reveal: true",
    json: word,
    columns: { x: { type: "text", ...hmac, reveal: true } },
  },
  {
    name: "ff1",
    what: "text, fpe-ff1 of 9 digits",
    json: ssn,
    columns: { x: { type: "text", mask: "fpe-ff1", digits: 9, keyVersion: 1 } },
  },
  {
    name: "ipcrypt",
    what: "ip, ipcrypt-deterministic",
    json: address,
    columns: { x: { type: "ip", mask: "ipcrypt-deterministic", keyVersion: 1 } },
  },
  {
    name: "ipcryptPfx",
    what: "ip, ipcrypt-pfx",
    json: address,
    columns: { x: { type: "ip", mask: "ipcrypt-pfx", keyVersion: 1 } },
  },
  { name: "generalize", what: "ip, generalize", json: address, columns: { x: { type: "ip", mask: "generalize" } } },
  { name: "redact", what: "text, redact", json: word, columns: { x: { type: "text", mask: "redact" } } },
  { name: "dedupeBy", what: "dedupeBy", json: () => `"x":"${randomUUID()}"`, columns: {}, dedupeBy: "x" },
];
