import type { KeyVersion } from "../keys/key-version.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { BusinessIdField, Column, ColumnKeys, KeyCheck, KeyedUse } from "../pipeline/contracts.ts";
import { DEDUPE_PURPOSE } from "./business-keys.ts";
import { keyNameOf, maskedOf } from "./column-tokens.ts";
import { OPERATORS } from "./operators/operators.ts";

/** No mask has this name, so no token's key is told by it. */
const PURPOSE = "check";
const CHECK_BYTES = 16;

/**
 * By what the database knows the keys of each column that needs one: to be compared at every start, as the tokens of
 * another keyring would match none of the stored ones, and nobody would notice. Columns that share a key have one.
 */
export function keyChecksOf(columns: readonly Column[], keyring: Keyring, domain: string): readonly ColumnKeys[] {
  const versions = keyring.versions.filter(({ state }) => state !== "destroyed");
  const byKey = new Map(maskedOf(columns).map((column) => [keyNameOf(column), column]));
  return [...byKey].flatMap(([key, column]) => {
    const operator = OPERATORS[column.mask];
    if (!operator.needsKey) return [];
    const known = versions.map((version) => keyCheck(key, column.mask, version, domain));
    const active = column.keyVersion ?? keyring.primary?.version;
    return [
      {
        column: key,
        mask: column.mask,
        type: column.type,
        active: known.find(({ version }) => version === active) ?? null,
        known,
        showsVersion: operator.tokenLetter !== null,
      },
    ];
  });
}

/** The same for the digests of business ids: under other keys, none that is claimed would be recognised. */
export function businessKeyCheckOf({ from }: BusinessIdField, keyring: Keyring, domain: string): ColumnKeys {
  const known = keyring.versions
    .filter(({ state }) => state !== "destroyed")
    .map((version) => keyCheck(from, DEDUPE_PURPOSE, version, domain));
  return {
    column: from,
    mask: DEDUPE_PURPOSE,
    type: null,
    active: known.find(({ version }) => version === keyring.primary?.version) ?? null,
    known,
    // Ids are claimed under every version: whichever comes next, the one of before is still recognised.
    showsVersion: true,
  };
}

function keyCheck(column: string, mask: KeyedUse, version: KeyVersion, domain: string): KeyCheck {
  const key = version.deriveKey({ mask: PURPOSE, domain, column }, CHECK_BYTES);
  return { domain, column, mask, version: version.version, value: key.toString("hex") };
}
