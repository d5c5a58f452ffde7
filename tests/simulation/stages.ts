import type { Decode, Mask, MaskedRecord, Seal } from "../../src/pipeline/contracts.ts";

/** Refuses what begins with "bad". */
export const decode: Decode = ({ id, sentAtMs, body }) =>
  body.startsWith("bad ")
    ? { ok: false, error: { code: "body.not-json", path: null } }
    : { ok: true, value: { id, sentAtMs, values: [body], unknownFields: [], businessId: null } };
export const mask: Mask = ({ id, sentAtMs, values }) => ({
  ok: true,
  value: {
    id,
    sentAtMs,
    values,
    links: [],
    originals: [],
    suspicions: [],
    businessKeys: [],
    leakedBusinessKeys: [],
  } as unknown as MaskedRecord,
});
export const seal: Seal = (text) => Buffer.from(text);
