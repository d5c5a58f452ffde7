import type { Decode, Mask, MaskedRecord, RawRecord, Seal } from "../../src/pipeline/contracts.ts";

/** One to three rows in two tables, by the body: as an order with its items has. */
export const rowsOf = (body: string): RawRecord["rows"] =>
  Array.from({ length: 1 + ((body.length + body.charCodeAt(body.length - 1)) % 3) }, (_, index) => ({
    table: Math.min(index, 1),
    values: [body, index],
  }));

/** Refuses what begins with "bad". */
export const decode: Decode = ({ id, sentAtMs, body }) =>
  body.startsWith("bad ")
    ? { ok: false, error: { code: "body.not-json", path: null } }
    : { ok: true, value: { id, sentAtMs, rows: rowsOf(body), unknownFields: [], businessId: null } };
export const mask: Mask = ({ id, sentAtMs, rows }) => ({
  ok: true,
  value: {
    id,
    sentAtMs,
    rows,
    links: [],
    originals: [],
    suspicions: [],
    businessKeys: [],
    leakedBusinessKeys: [],
  } as unknown as MaskedRecord,
});
export const seal: Seal = (text) => Buffer.from(text);
