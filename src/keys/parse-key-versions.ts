import { allowOnly, asInstant, asKeyBytes, asObject, invalidKeys, type KeyObjectJson } from "./key-json.ts";
import { KEY_STATES, KEY_VERSION_MAX, KeyVersion, type KeyState } from "./key-version.ts";

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
