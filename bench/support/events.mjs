/** Login events as examples/logins has them, with values made from a seed: the same in every run. None is bad. */

/** Nearly a third of the sample events of the original have none. */
const LOCALE_MISSING_SHARE = 0.29;
const LOCALES = ["RU", "US", "PE", "CN", "KE", "DE", "JP", "BR"];
const DEVICE_TYPES = ["android", "ios"];
/** The columns `note_1` to `note_4` of pipelines/notes.yaml: one text alone may not have the size of a whole event. */
const NOTES = 4;
/** Only letters and spaces: nothing in it looks like personal data. */
const FILLER = "the quick brown fox jumps over the lazy dog and runs back into the quiet green wood ";

/**
 * @param {number} count
 * @param {{ seed: number, bytes?: number }} options `bytes`: a body's size, filled up with notes
 * @returns {string[]} bodies, ASCII only
 */
export function makeEvents(count, { seed, bytes }) {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const event = loginEvent(random);
    const body = JSON.stringify(event);
    return bytes === undefined ? body : JSON.stringify({ ...event, ...notes(bytes - body.length) });
  });
}

/** @param {() => number} random from 0 to below 1 */
export function loginEvent(random) {
  const below = (/** @type {number} */ limit) => Math.floor(random() * limit);
  const pick = (/** @type {readonly string[]} */ list) => list[below(list.length)];
  const hex = (/** @type {number} */ count) => Array.from({ length: count }, () => below(16).toString(16)).join("");
  const digits = (/** @type {number} */ count) => String(below(10 ** count)).padStart(count, "0");
  return {
    user_id: `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
    app_version: "2.3.0",
    device_type: pick(DEVICE_TYPES),
    ip: Array.from({ length: 4 }, () => below(256)).join("."),
    locale: random() < LOCALE_MISSING_SHARE ? null : pick(LOCALES),
    device_id: `${digits(3)}-${digits(2)}-${digits(4)}`,
  };
}

/**
 * Mulberry32, of the public domain: small, and good enough for invented values.
 * @param {number} seed
 * @returns {() => number} from 0 to below 1
 */
export function seededRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {number} bytes of the keys and values together */
function notes(bytes) {
  const keys = Array.from({ length: NOTES }, (_, index) => `note_${index + 1}`);
  const chars = Math.max(0, Math.floor(bytes / NOTES) - `,"note_1":""`.length);
  const text = FILLER.repeat(Math.ceil(chars / FILLER.length)).slice(0, chars);
  return Object.fromEntries(keys.map((key) => [key, text]));
}
