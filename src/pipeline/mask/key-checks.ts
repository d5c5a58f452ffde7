import type { KeyVersion } from "../../keys/key-version.ts";
import type { Keyring } from "../../keys/keyring.ts";
import type { Column, ColumnKeys, KeyCheck } from "../contracts.ts";
import { isMasked, type MaskedColumn } from "./column-tokens.ts";
import { OPERATORS } from "./operators/operators.ts";

/** No mask has this name, so no token's key is told by it. */
const PURPOSE = "check";
const CHECK_BYTES = 16;

/**
 * By what the database knows the keys of each column that needs one: to be compared at every start, as the tokens of
 * another keyring would match none of the stored ones, and nobody would notice.
 */
export function keyChecksOf(columns: readonly Column[], keyring: Keyring, domain: string): readonly ColumnKeys[] {
  const versions = keyring.versions.filter(({ state }) => state !== "destroyed");
  return columns.filter(isMasked).flatMap((column) => {
    const operator = OPERATORS[column.mask];
    if (!operator.needsKey) return [];
    const known = versions.map((version) => keyCheck(column, version, domain));
    const active = column.keyVersion ?? keyring.primary?.version;
    return [
      {
        column: column.name,
        mask: column.mask,
        active: known.find(({ version }) => version === active) ?? null,
        known,
        showsVersion: operator.tokenLetter !== null,
      },
    ];
  });
}

function keyCheck({ name, mask }: MaskedColumn, version: KeyVersion, domain: string): KeyCheck {
  const key = version.deriveKey({ mask: PURPOSE, domain, column: name }, CHECK_BYTES);
  return { domain, column: name, mask, version: version.version, value: key.toString("hex") };
}
