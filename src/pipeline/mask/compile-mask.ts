import { PiipeError } from "../../errors.ts";
import type { Keyring } from "../../keys/keyring.ts";
import type { KeyVersion } from "../../keys/key-version.ts";
import type { Column, ColumnValue, Mask, MaskName, RawValue } from "../contracts.ts";
import { maskedRecord } from "./masked-record.ts";
import { normalizationOf } from "./normalize/normalize.ts";
import type { Tokenize } from "./operators/operator.ts";
import { OPERATORS } from "./operators/operators.ts";

export interface MaskOptions {
  /** null: there is none, and only masks that need no key can be compiled. */
  readonly keyring: Keyring | null;
  /** Goes into every column's key: the same value has unrelated tokens in two domains. */
  readonly domain: string;
}

/** The value as it may be stored; undefined when it is not of the column's type. */
type MaskValue = (value: RawValue) => ColumnValue | undefined;

interface CompiledColumn {
  readonly from: string;
  readonly nullable: boolean;
  /** null: declared as not personal, stored as it is. */
  readonly mask: MaskValue | null;
}

/**
 * Prepares the masks of all columns. The result is called for every record; it is pure, synchronous and never throws for
 * bad data. An empty or null value becomes NULL, never a token of nothing: in a column that is not nullable it is refused.
 *
 * @throws PiipeError `keys.missing` when a mask needs a key and the keyring has no primary version. There is no fallback
 * to a mask without a key.
 */
export function compileMask(columns: readonly Column[], options: MaskOptions): Mask {
  const compiled: readonly CompiledColumn[] = columns.map((column) => ({
    from: column.from,
    nullable: column.nullable,
    mask: column.mask === null ? null : maskOf(column, column.mask, options),
  }));

  return (record) => {
    if (record.values.length !== compiled.length) {
      throw new TypeError("the record was decoded for other columns than the mask was compiled for");
    }
    const values: ColumnValue[] = [];
    for (const { from, nullable, mask } of compiled) {
      const raw = record.values[values.length] ?? null;
      if (mask === null) {
        values.push(raw);
        continue;
      }
      const value = mask(raw);
      if (value === undefined) return { ok: false, error: { code: "field.format", path: from } };
      if (value === null && !nullable) return { ok: false, error: { code: "field.null", path: from } };
      values.push(value);
    }
    return { ok: true, value: maskedRecord(record, values) };
  };
}

function maskOf(column: Column, name: MaskName, options: MaskOptions): MaskValue {
  const tokenize = tokenizeOf(column, name, options);
  const normalize = OPERATORS[name].usesNormalization ? normalizationOf(column.type) : null;
  return (value) => {
    if (value === null || value === "") return null;
    const text = String(value);
    const normalized = normalize === null ? text : normalize(text);
    if (normalized === null) return undefined;
    return normalized === "" ? null : tokenize(normalized);
  };
}

function tokenizeOf(column: Column, name: MaskName, { keyring, domain }: MaskOptions): Tokenize {
  const operator = OPERATORS[name];
  if (!operator.needsKey) return operator.create();
  const primary = primaryOf(keyring, column, name);
  return operator.create(primary.deriveKey({ mask: name, domain, column: column.name }), primary.version);
}

function primaryOf(keyring: Keyring | null, column: Column, name: MaskName): KeyVersion {
  const needs = `column ${column.name} has the mask ${name}, which needs a key`;
  if (keyring === null) {
    throw new PiipeError("keys.missing", `${needs}, and there is no keyring`, {
      hint: "Make a keyring with `piipe keys new` and name it as `keys.file`, or put its text into PIIPE_KEYS.",
    });
  }
  if (keyring.primary === null) {
    throw new PiipeError("keys.missing", `${needs}, and no version of the keyring is primary`, {
      hint: "Set the state of one key version to primary.",
    });
  }
  return keyring.primary;
}
