import { PiipeError } from "../errors.ts";
import { KEY_STATES, KEY_VERSION_MAX, type KeyState, KeyVersion } from "./key-version.ts";

export type KeyObjectJson = Readonly<Record<string, unknown>>;

/** Bytes of every key in piipe's files: a root, a public and a private X25519 key. */
export const KEY_BYTES = 32;

/** RFC 4648 section 5 without padding: 43 characters hold 32 bytes, the last one only 4 of its bits. */
const KEY_TEXT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/** What is wrong and where. Never says what is there instead: it may be key material in the wrong place. */
export const invalidKeys = (where: string, problem: string): PiipeError =>
  new PiipeError("keys.invalid", `${where}: ${problem}`, {
    hint: "Restore the file from where you keep your secrets. A new one from `piipe keys new` would give new tokens.",
  });

/** The object in a text. The error of `JSON.parse` is dropped: its message quotes the text. */
export function parseKeyJson(text: string, where: string): KeyObjectJson {
  let value: unknown;
  try {
    // Some editors begin a file with a byte order mark.
    value = JSON.parse(text.replace(/^\u{feff}/u, ""));
  } catch {
    throw invalidKeys(where, "is not JSON");
  }
  // JSON.parse keeps the last of them in silence: of two roots, one that tokens were made with may be lost.
  if (countNames(text) !== countProperties(value)) throw invalidKeys(where, "an object has the same property twice");
  return asObject(value, where, "the document");
}

/** As all key files are written. */
export const printKeyJson = (document: object): string => `${JSON.stringify(document, null, 2)}\n`;

/** Property names in a valid JSON text: outside of strings, each is followed by the only colons that there are. */
const countNames = (text: string): number => text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"/g, "").split(":").length - 1;

/** Without recursion, which a deeply nested text would bring to its end. */
function countProperties(document: unknown): number {
  let count = 0;
  const open: unknown[] = [document];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    const parts: readonly unknown[] = Object.values(value);
    if (!Array.isArray(value)) count += parts.length;
    for (const part of parts) open.push(part);
  }
  return count;
}

export function asObject(value: unknown, where: string, what: string): KeyObjectJson {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidKeys(where, `${what} is not an object`);
  }
  return value as KeyObjectJson;
}

/** Refuses what this version of piipe would ignore: in a key file, an ignored property is a misunderstanding. */
export function allowOnly(object: KeyObjectJson, names: readonly string[], where: string, what: string): void {
  if (Object.keys(object).some((name) => !names.includes(name))) {
    throw invalidKeys(where, `${what} has a property that is not one of ${names.join(", ")}`);
  }
}

/** Each kind of key file, and where it belongs. */
const KINDS = {
  keyring: { name: "the keyring", place: "`keys.file`, `keys.secret`, `--file` or PIIPE_KEYS" },
  "private-key": { name: "the private file", place: "`--private-file`" },
} as const;

/** The two properties that say what a file of piipe is and how to read it. */
export function checkFormat(object: KeyObjectJson, kind: keyof typeof KINDS, where: string): void {
  const other = kind === "keyring" ? "private-key" : "keyring";
  if (object["piipe"] === other) throw exchangedFile(kind, other, where);
  if (object["piipe"] !== kind) throw invalidKeys(where, `"piipe" is not "${kind}"`);
  if (object["format"] !== 1) throw invalidKeys(where, `"format" is not 1, the only one that this piipe reads`);
}

const exchangedFile = (wanted: keyof typeof KINDS, given: keyof typeof KINDS, where: string): PiipeError =>
  new PiipeError("keys.invalid", `${where}: this is ${KINDS[given].name}, and ${KINDS[wanted].name} is wanted`, {
    hint: `\`piipe keys new\` wrote both: ${KINDS[wanted].name} belongs in ${KINDS[wanted].place}.`,
  });

export function asKeyBytes(value: unknown, where: string, what: string): Buffer {
  if (typeof value !== "string" || !KEY_TEXT.test(value)) {
    throw invalidKeys(where, `${what} is not ${KEY_BYTES} bytes in base64url (43 characters, no padding)`);
  }
  return Buffer.from(value, "base64url");
}

export function asInstant(value: unknown, where: string, what: string): string {
  if (typeof value !== "string" || !INSTANT.test(value) || Number.isNaN(Date.parse(value))) {
    throw invalidKeys(where, `${what} is not a UTC time such as 2026-01-31T12:00:00Z`);
  }
  return value;
}

/** @throws PiipeError `keys.invalid` */
export function parseKeyVersions(value: unknown, where: string): readonly KeyVersion[] {
  if (!Array.isArray(value) || value.length === 0) throw invalidKeys(where, `"versions" is not a list of key versions`);
  const versions = value.map((item: unknown, index) => parseVersion(item, where, `versions[${index}]`));
  checkKeyVersions(versions, where);
  return versions;
}

/**
 * What must hold between the versions of one keyring.
 * @throws PiipeError `keys.invalid`
 */
export function checkKeyVersions(versions: readonly KeyVersion[], where: string): void {
  versions.forEach((later, index) => {
    for (const earlier of versions.slice(0, index)) {
      if (earlier.version === later.version) throw invalidKeys(where, `version ${later.version} is there twice`);
      if (earlier.hasSameRoot(later)) {
        throw invalidKeys(where, `versions ${earlier.version} and ${later.version} have the same root`);
      }
      if (earlier.state === "primary" && later.state === "primary") {
        throw invalidKeys(where, `versions ${earlier.version} and ${later.version} are both primary`);
      }
    }
  });
  for (const version of versions) checkBase(version, versions, where);
  checkOrder(versions, where);
}

/** What makes the stored tokens anew after a leak does so with those of every older version: new ones must not be among them. */
function checkOrder(versions: readonly KeyVersion[], where: string): void {
  const primary = versions.find(({ state }) => state === "primary")?.version ?? KEY_VERSION_MAX;
  const newer = versions.find(({ over, isLive, version }) => over !== null && isLive && version > primary);
  if (newer === undefined) return;
  throw invalidKeys(
    where,
    `version ${primary} is primary, and older than version ${newer.version}, which took the place of a leaked one`,
  );
}

/** The version over whose tokens another one makes its own must be able to make them, and must no longer do so itself. */
function checkBase({ version, state, over }: KeyVersion, versions: readonly KeyVersion[], where: string): void {
  if (over === null) return;
  const base = versions.find((known) => known.version === over);
  if (base === undefined) throw invalidKeys(where, `version ${version} is over version ${over}, which is not there`);
  if (state === "destroyed") return;
  if (base.state === "pending" || base.state === "destroyed") {
    throw invalidKeys(where, `version ${version} is over version ${over}, which is ${base.state}`);
  }
  // A base that is still linking would link the tokens of a leaked key to those that are to replace them.
  if (state !== "pending" && base.state !== "lookup") {
    throw invalidKeys(
      where,
      `version ${version} is ${state}, and version ${over}, which it is over, is not yet lookup`,
    );
  }
}

function parseVersion(value: unknown, where: string, what: string): KeyVersion {
  const object = asObject(value, where, what);
  allowOnly(object, ["version", "state", "created", "over", "root"], where, what);
  const version = object["version"];
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1 || version > KEY_VERSION_MAX) {
    throw invalidKeys(where, `the version of ${what} is not a whole number from 1 to ${KEY_VERSION_MAX}`);
  }
  const state = parseState(object["state"], where, what);
  const created = asInstant(object["created"], where, `"created" of ${what}`);
  const over = parseOver(object["over"], version, where, what);
  return new KeyVersion({ version, state, created, over, root: parseRoot(object, state, where, what) });
}

/** Older versions have lower numbers, so that no chain can lead back to itself. */
function parseOver(value: unknown, version: number, where: string, what: string): number | null {
  if (value === undefined) return null;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value < version) return value;
  throw invalidKeys(where, `"over" of ${what} is not the number of an older version`);
}

function parseState(value: unknown, where: string, what: string): KeyState {
  const state = KEY_STATES.find((known) => known === value);
  if (state === undefined) throw invalidKeys(where, `the state of ${what} is not one of ${KEY_STATES.join(", ")}`);
  return state;
}

function parseRoot(object: KeyObjectJson, state: KeyState, where: string, what: string): Uint8Array | null {
  if (state !== "destroyed") return asKeyBytes(object["root"], where, `the root of ${what}`);
  if (Object.hasOwn(object, "root")) throw invalidKeys(where, `${what} is destroyed and yet has a root`);
  return null;
}
