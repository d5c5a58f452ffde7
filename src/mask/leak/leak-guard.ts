import type {
  Column,
  RawRecord,
  RawValue,
  Rejection,
  Result,
  Suspicion,
  SuspicionKind,
} from "../../pipeline/contracts.ts";
import { detect } from "./detect.ts";
import { compileEchoCheck, type HiddenValue } from "./echo-check.ts";
import { detectInJson, detectInText } from "./json-text.ts";
import { plainJson } from "./plain-json.ts";

/**
 * Looks at a record on its way out. `hidden` holds the normalised text of each masked value, null for the others; `inner`
 * has what was masked inside json columns, of which the record has what is left.
 */
export type LeakGuard = (
  record: RawRecord,
  hidden: readonly (string | null)[],
  inner?: readonly HiddenValue[],
) => Result<readonly Suspicion[], Rejection>;

/** Shared by all records without a suspicion: nearly all. */
const CLEAN: Result<readonly Suspicion[], Rejection> = { ok: true, value: [] };

interface WatchedColumn {
  readonly index: number;
  readonly name: string;
  readonly from: string;
  readonly refuses: boolean;
  readonly detect: (text: string) => SuspicionKind | null;
}

/**
 * Prepares the last look at what is stored as it is. A masked value that appears in such a column is refused always
 * (`leak.echo`); what looks personal by its form is refused or told of, as the column's `piiDetection` says. A suspicion and
 * a rejection name columns and kinds, never a value. Pure, and linear in the length of the texts.
 */
export function compileLeakGuard(columns: readonly Column[]): LeakGuard {
  const echoOf = compileEchoCheck(columns);
  const watched = columns.flatMap(({ name, from, type, mask, piiDetection }, index): WatchedColumn[] =>
    mask !== null || piiDetection === "off"
      ? []
      : [
          {
            index,
            name,
            from,
            refuses: piiDetection === "quarantine",
            // The quotes and escapes of PostgreSQL's arrays are those of JSON.
            detect: type === "json" || type === "text[]" ? detectInJson : type === "text" ? detectInText : detect,
          },
        ],
  );

  const ofJson = columns.flatMap(({ type, mask, piiDetection, echo }, index) =>
    type === "json" && mask === null && (piiDetection !== "off" || echo !== "allow") ? [index] : [],
  );

  return (written, hidden, inner) => {
    const record = ofJson.length === 0 ? written : withPlainJson(written, ofJson);
    if (record === null) return refuse("body.too-costly", null);
    const echo = echoOf(record, hidden, inner);
    if (echo !== null) return { ok: false, error: echo };
    let suspicions: Suspicion[] | null = null;
    for (const column of watched) {
      const value = record.values[column.index];
      if (typeof value !== "string" && typeof value !== "number") continue;
      const detector = column.detect(String(value));
      if (detector === null) continue;
      if (column.refuses) return refuse("leak.detected", column.from);
      (suspicions ??= []).push({ column: column.name, detector });
    }
    return suspicions === null ? CLEAN : { ok: true, value: suspicions };
  };
}

/** The record as it is looked at. null: one of its texts would be too long for that. */
function withPlainJson(record: RawRecord, ofJson: readonly number[]): RawRecord | null {
  let values: RawValue[] | null = null;
  for (const index of ofJson) {
    const written = record.values[index];
    if (typeof written !== "string") continue;
    const plain = plainJson(written);
    if (plain === null) return null;
    if (plain !== written) (values ??= [...record.values])[index] = plain;
  }
  return values === null ? record : { ...record, values };
}

const refuse = (code: Rejection["code"], path: string | null): Result<never, Rejection> => ({
  ok: false,
  error: { code, path },
});
