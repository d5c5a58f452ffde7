import type { Column, RawValue, Rejection, Result, Suspicion, SuspicionKind } from "../../pipeline/contracts.ts";
import { detect } from "./detect.ts";
import { compileEchoCheck, type GuardedRow } from "./echo-check.ts";
import { detectInJson, detectInText } from "./json-text.ts";
import { plainJson } from "./plain-json.ts";

export type { GuardedRow };

/** Looks at the rows of a record on their way out: what is masked in one of them must not stand in another either. */
export type LeakGuard = (rows: readonly GuardedRow[]) => Result<readonly Suspicion[], Rejection>;

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
export function compileLeakGuard(tables: readonly (readonly Column[])[]): LeakGuard {
  const echoOf = compileEchoCheck(tables);
  const watches = tables.map(watchedOf);
  return (rows) => {
    const looked = withPlainJson(rows, watches);
    if (looked === null) return refuse("body.too-costly", null);
    const echo = echoOf(looked);
    if (echo !== null) return { ok: false, error: echo };
    let suspicions: Suspicion[] | null = null;
    for (const { row } of looked) {
      for (const column of watches[row.table]?.columns ?? []) {
        const value = row.values[column.index];
        if (typeof value !== "string" && typeof value !== "number") continue;
        const detector = column.detect(String(value));
        if (detector === null) continue;
        if (column.refuses) return refuse("leak.detected", column.from);
        (suspicions ??= []).push({ column: column.name, detector });
      }
    }
    return suspicions === null ? CLEAN : { ok: true, value: suspicions };
  };
}

/** What of one table's rows is looked at. */
interface Watch {
  readonly columns: readonly WatchedColumn[];
  /** The places of json columns. */
  readonly ofJson: readonly number[];
}

function watchedOf(columns: readonly Column[]): Watch {
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

  return { columns: watched, ofJson };
}

/** The rows as they are looked at. null: one of their texts would be too long for that. */
function withPlainJson(rows: readonly GuardedRow[], watches: readonly Watch[]): readonly GuardedRow[] | null {
  let changed: GuardedRow[] | null = null;
  for (const [index, guarded] of rows.entries()) {
    const ofJson = watches[guarded.row.table]?.ofJson ?? [];
    if (ofJson.length === 0) continue;
    const values = plainValues(guarded.row.values, ofJson);
    if (values === null) return null;
    if (values !== guarded.row.values) (changed ??= [...rows])[index] = { ...guarded, row: { ...guarded.row, values } };
  }
  return changed ?? rows;
}

/** null: one of the texts would be too long. */
function plainValues(written: readonly RawValue[], ofJson: readonly number[]): readonly RawValue[] | null {
  let values: RawValue[] | null = null;
  for (const index of ofJson) {
    const text = written[index];
    if (typeof text !== "string") continue;
    const plain = plainJson(text);
    if (plain === null) return null;
    if (plain !== text) (values ??= [...written])[index] = plain;
  }
  return values ?? written;
}

const refuse = (code: Rejection["code"], path: string | null): Result<never, Rejection> => ({
  ok: false,
  error: { code, path },
});
