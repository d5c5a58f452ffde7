import { PiipeError } from "../errors.ts";
import { hmacSha256 } from "../hmac-sha256.ts";
import type { KeyVersion } from "../keys/key-version.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { BusinessIdField, Column, MaskedRecord, RawRecord } from "../pipeline/contracts.ts";
import { placesOf } from "../pipeline/value-places.ts";
import { NO_KEYRING_HINT } from "./column-tokens.ts";

export type BusinessKeys = Pick<MaskedRecord, "businessKeys" | "leakedBusinessKeys">;

/** Shared by all records of a pipeline without `dedupeBy`. */
const NONE: BusinessKeys = { businessKeys: [], leakedBusinessKeys: [] };

/** No mask has this name: a business id that is a masked column as well has unrelated digests in the two. */
export const DEDUPE_PURPOSE = "dedupe";
/** The same for the digests of what such an event holds. */
const CONTENT_PURPOSE = "dedupe-content";
const KEY_BYTES = 32;
/** 128 bits: among 10^12 ids, two share a digest with a probability of 1 in 10^15. */
const DIGEST_HEX_DIGITS = 32;
/** 64 bits: two contents are compared, not many. */
const CONTENT_HEX_DIGITS = 16;

export interface BusinessKeyOptions {
  readonly dedupeBy: BusinessIdField | null;
  readonly keyring: Keyring | null;
  readonly domain: string;
}

/**
 * Prepares the digests by which the database knows a business id, which it never gets: HMAC-SHA-256 with a key derived for
 * this field of this domain, cut to 128 bits.
 *
 * There is one for every key version, as each worker must share one with whoever stored the event, or is about to: with a
 * worker whose keyring is a step behind or ahead in a rotation, and with the one of before. So pending versions count: once
 * the next step has taken the old key away, theirs are all that is left in common.
 *
 * A key that has leaked makes no digests any more that others could test guesses against, for as long as it stays in the
 * keyring as the base of newer tokens; what was claimed under it before is still recognised.
 *
 * @throws PiipeError `keys.missing`: there is no fallback to a hash without a key
 */
export function compileBusinessKeys(options: BusinessKeyOptions): (businessId: string | null) => BusinessKeys {
  const { dedupeBy, keyring, domain } = options;
  if (dedupeBy === null) {
    return (businessId) => {
      if (businessId !== null) throw new TypeError("the record has a business id that nothing was compiled for");
      return NONE;
    };
  }
  const versions = keyring === null ? [] : keyring.versions.filter(({ state }) => state !== "destroyed");
  if (keyring === null || versions.length === 0) throw keyMissing(dedupeBy, keyring);
  const isLeaked = ({ version }: KeyVersion): boolean => keyring.rewrapsOf(version).length > 0;
  const digest = (version: KeyVersion): ((businessId: string) => string) => {
    const key = version.deriveKey({ mask: DEDUPE_PURPOSE, domain, column: dedupeBy.from }, KEY_BYTES);
    const mac = hmacSha256(key, "hex");
    return (businessId) => mac(businessId).slice(0, DIGEST_HEX_DIGITS);
  };
  const claimed = versions.filter((version) => !isLeaked(version)).map(digest);
  const leaked = versions.filter(isLeaked).map(digest);

  return (businessId) => {
    if (businessId === null) throw new TypeError("the record was decoded without its business id");
    return {
      businessKeys: claimed.map((digestOf) => digestOf(businessId)),
      leakedBusinessKeys:
        leaked.length === 0 ? NONE.leakedBusinessKeys : leaked.map((digestOf) => digestOf(businessId)),
    };
  };
}

/**
 * Prepares the digests by which the database knows the content of an event with a business id: of the id and of what the
 * event itself has in the columns, under each key that makes a business key, in their order. Whoever sends an id first
 * could otherwise have the real event deleted, and nobody would hear of it. Metadata of the queue is no content: it is
 * another when an event is sent again. A column that may hold some instead of a field is left out as well, and what the
 * configuration gives. JSON counts as it is written: taking out its white space would cost more than the
 * reading of the body, on every event.
 */
export function compileContentChecks(
  tables: readonly (readonly Column[])[],
  { dedupeBy, keyring, domain }: BusinessKeyOptions,
): ((record: RawRecord) => readonly string[]) | null {
  if (dedupeBy === null || keyring === null) return null;
  const isContent = tables.map((columns) =>
    columns.map(({ origin }) => {
      const places = placesOf(origin);
      return places.length > 0 && places.every(({ kind }) => kind !== "metadata");
    }),
  );
  const macs = keyring.versions
    .filter(({ state, version }) => state !== "destroyed" && keyring.rewrapsOf(version).length === 0)
    .map((version) =>
      hmacSha256(version.deriveKey({ mask: CONTENT_PURPOSE, domain, column: dedupeBy.from }, KEY_BYTES), "hex"),
    );
  return ({ businessId, rows }) => {
    const [first, ...others] = rows.map(({ table, values }) => values.filter((_, index) => isContent[table]?.[index]));
    // An event of one row is digested as it was before there could be several.
    const content = JSON.stringify([businessId, ...(first ?? []), ...others]);
    return macs.map((mac) => BigInt.asIntN(64, BigInt(`0x${mac(content).slice(0, CONTENT_HEX_DIGITS)}`)).toString());
  };
}

function keyMissing({ from }: BusinessIdField, keyring: Keyring | null): PiipeError {
  const needs = `dedupeBy: ${from} needs a key, so that the database cannot tell the ids`;
  return keyring === null
    ? new PiipeError("keys.missing", `${needs}, and there is no keyring`, {
        hint: NO_KEYRING_HINT,
      })
    : new PiipeError("keys.missing", `${needs}, and every version of the keyring is destroyed`, {
        hint: "Restore the keyring from a backup that has a version, or add one with `piipe keys add`.",
      });
}
