import type { Delivery, RawRecord, RawRow, Rejection, Result } from "../pipeline/contracts.ts";
import { ROWS_CHARS_MAX, ROWS_MAX } from "./limits.ts";
import { refuse } from "./refuse.ts";

/** What decodes one body. */
type DecodeOne<D extends Delivery> = (delivery: D) => Result<RawRecord, Rejection>;

/** Of lines, which go without `dedupeBy`, there is none. */
const SEVERAL_IDS = "expected one business id in all events that the transform makes of one";

/**
 * Decodes the events of one message, each from a text of its own, into one record: the first that is refused refuses the
 * message. Their rows are bounded together.
 */
export function decodeAll<D extends Delivery>(
  delivery: D,
  texts: Iterable<string>,
  decode: DecodeOne<D>,
): Result<RawRecord, Rejection> {
  const rows: RawRow[] = [];
  const unknownFields: string[] = [];
  let chars = 0;
  let businessId: string | null = null;
  for (const body of texts) {
    const decoded = decode({ ...delivery, body, bytes: Buffer.byteLength(body) });
    if (!decoded.ok) return decoded;
    const { value } = decoded;
    for (const row of value.rows) rows.push(row);
    for (const name of value.unknownFields) unknownFields.push(name);
    if (value.businessId !== null) {
      if (businessId !== null && businessId !== value.businessId) return refuse("event.transform", null, SEVERAL_IDS);
      ({ businessId } = value);
    }
    chars += Math.max(body.length, value.unpackedBytes ?? 0);
    if (rows.length > ROWS_MAX) return refuse("body.too-many-rows", null);
    if (chars > ROWS_CHARS_MAX) return refuse("body.too-costly", null);
  }
  const record: RawRecord = { id: delivery.id, sentAtMs: delivery.sentAtMs, rows, unknownFields, businessId };
  return { ok: true, value: chars > delivery.bytes ? { ...record, unpackedBytes: chars } : record };
}
