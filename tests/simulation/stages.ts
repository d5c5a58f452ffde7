import type { Decode, Mask, MaskedRecord, Seal } from "../../src/pipeline/contracts.ts";
import { rowOf } from "../support/one-table.ts";

/** Refuses what begins with "bad". */
export const decode: Decode = ({ id, sentAtMs, body }) =>
  body.startsWith("bad ")
    ? { ok: false, error: { code: "body.not-json", path: null } }
    : { ok: true, value: { id, sentAtMs, rows: rowOf([body]), unknownFields: [], businessId: null } };
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
