/**
 * Writes the 100 sample events of examples/logins/events.json, the same on every run; with --check only compares.
 * Invented from end to end: the addresses are of the ranges that RFC 5737 reserves for documentation, and the device
 * ids begin with 9, which no United States social security number of the same form does.
 */
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../examples/logins/events.json", import.meta.url);
const EVENTS = 100;
const SEED = 20_240_229;
const WRONG_TYPE_INDEX = 41;
const NETWORKS = ["192.0.2", "198.51.100", "203.0.113"];
const COUNTRIES = "BR CA CN CZ DE ES FR GR ID IN IT JP KE KR MA MX NG PE PH PL PT RU SE TH UA US VN ZA".split(" ");

/** What shows as duplicates: each group of events shares the field's value, across users. */
const SHARED = /** @type {const} */ ([
  { field: "ip", indexes: [3, 17, 58, 90] },
  { field: "ip", indexes: [11, 12] },
  { field: "ip", indexes: [26, 73, 77] },
  { field: "device_id", indexes: [8, 64] },
  { field: "device_id", indexes: [21, 35, 80] },
  { field: "device_id", indexes: [49, 50, 96] },
]);
/** One person who logs in again from the same place: everything but the version is the same. */
const SAME_PERSON = [
  [5, 88],
  [30, 31],
];

const random = mulberry32(SEED);
const events = Array.from({ length: EVENTS }, () => loginEvent());
for (const { field, indexes } of SHARED) {
  const [first, ...others] = indexes.map((index) => eventAt(index));
  for (const other of others) other[field] = first?.[field] ?? "";
}
for (const [first = 0, again = 0] of SAME_PERSON) {
  events[again] = { ...eventAt(first), app_version: eventAt(again).app_version };
}
const text = `${JSON.stringify(
  events.map((event, index) => (index === WRONG_TYPE_INDEX ? { foo: "oops_wrong_msg_type", bar: "123" } : event)),
  null,
  2,
)}\n`;

if (!process.argv.includes("--check")) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, "utf8") !== text) {
  console.error("examples/logins/events.json differs from what tools/generate-sample-events.mjs writes: run that.");
  process.exitCode = 1;
}

function loginEvent() {
  const device = `${integer(900, 999)}-${digits(integer(1, 49), 2)}-${digits(integer(1, 9999), 4)}`;
  return {
    user_id: uuid(),
    app_version: version(),
    device_type: random() < 0.5 ? "ios" : "android",
    ip: `${pick(NETWORKS)}.${integer(1, 254)}`,
    locale: random() < 0.29 ? null : pick(COUNTRIES),
    device_id: device,
  };
}

/** @param {number} index */
function eventAt(index) {
  const event = events[index];
  if (event === undefined) throw new RangeError(`there is no event ${index}`);
  return event;
}

function version() {
  return random() < 0.5
    ? `${integer(0, 9)}.${integer(0, 9)}.${integer(0, 9)}`
    : `${integer(0, 9)}.${digits(integer(0, 99), 1)}`;
}

/** Of the form of version 4 (RFC 9562 section 5.4). */
function uuid() {
  const hex = Array.from({ length: 32 }, () => integer(0, 15).toString(16));
  hex[12] = "4";
  hex[16] = pick(["8", "9", "a", "b"]);
  return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** @param {number} value @param {number} length */
function digits(value, length) {
  return String(value).padStart(length, "0");
}

/** @param {readonly string[]} list */
function pick(list) {
  return list[integer(0, list.length - 1)] ?? "";
}

/** @param {number} min @param {number} max */
function integer(min, max) {
  return min + Math.floor(random() * (max - min + 1));
}

/**
 * A small seeded generator, the same on every version of Node.
 * @param {number} seed
 */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
