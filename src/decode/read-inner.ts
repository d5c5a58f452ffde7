import type { Column, InnerMask, InnerValue, InnerValues, RawValue, Rejection, Result } from "../pipeline/contracts.ts";
import { createReader } from "./create-reader.ts";
import { BARRED_INNER_PATH, detailOf, expectationOf } from "./expectation.ts";
import { givenTextOf, RESPELLED_TYPES } from "./given-text.ts";
import { compilePaths } from "./inner-places.ts";
import { INNER_VALUES_MAX } from "./limits.ts";
import { isRefusal, REFUSED, type Refusal } from "./refusal.ts";
import { refuse } from "./refuse.ts";
import { OPEN_ARRAY, OPEN_OBJECT } from "./scan-json.ts";

/** Finds what is to be masked inside the json values of a record, each value read as a column of the mask's type would be. */
type InnerReader = (values: readonly RawValue[]) => Result<readonly InnerValues[], Rejection>;

/** null: no column has masks inside. */
export function compileInnerReader(columns: readonly Column[]): InnerReader | null {
  const readers = columns.flatMap(({ masks }, column) =>
    masks === undefined ? [] : [{ column, read: readerOf(masks) }],
  );
  if (readers.length === 0) return null;
  return (values) => {
    const inner: InnerValues[] = [];
    let left = INNER_VALUES_MAX;
    for (const { column, read } of readers) {
      const json = values[column];
      if (typeof json !== "string") continue;
      const found = read(json);
      if (!found.ok) return found;
      left -= found.value.length;
      if (left < 0) return refuse("body.too-costly", null);
      inner.push({ column, values: found.value });
    }
    return { ok: true, value: inner };
  };
}

function readerOf(masks: readonly InnerMask[]): (json: string) => Result<readonly InnerValue[], Rejection> {
  const find = compilePaths(masks.map(({ inside }) => inside.path));
  const readers = masks.map(readerOfMask);
  return (json) => {
    const { places, barred } = find(json);
    if (barred !== null) return refuse("field.type", masks[barred]?.from ?? null, BARRED_INNER_PATH);
    const values: InnerValue[] = [];
    for (const { path, start, end } of places) {
      const read = readers[path]?.(json.slice(start, end));
      if (read === undefined) throw new TypeError("a place has a path that was not asked for");
      if (!read.ok) return read;
      values.push({ mask: path, start, end, ...read.value });
    }
    return { ok: true, value: values };
  };
}

/** Reads the JSON of one value. */
function readerOfMask(mask: InnerMask): (written: string) => Result<Pick<InnerValue, "value" | "given">, Rejection> {
  const isRespelled = RESPELLED_TYPES.has(mask.type);
  const { read, readNumber } = createReader(mask, { kind: "field", path: [] }, undefined);
  const expected = expectationOf(mask, undefined);
  const refusal = ({ refused }: Refusal, value: unknown): Result<never, Rejection> =>
    refuse(refused, mask.from, detailOf(refused, expected, value));
  return (written) => {
    const first = written.charCodeAt(0);
    // No type is one of a whole object or array: neither is parsed.
    if (first === OPEN_OBJECT) return refusal(REFUSED.type, {});
    if (first === OPEN_ARRAY) return refusal(REFUSED.type, []);
    const value: unknown = JSON.parse(written);
    // As for a column: a token of nothing would be none.
    if (value === "") return { ok: true, value: { value: null } };
    const converted = typeof value === "number" ? readNumber(value, written) : read(value);
    if (isRefusal(converted)) return refusal(converted, value);
    const given = isRespelled ? givenTextOf(value, converted) : null;
    return { ok: true, value: given === null ? { value: converted } : { value: converted, given } };
  };
}
