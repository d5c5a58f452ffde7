import { METADATA_NAMES, type Result, type ValueOrigin } from "../pipeline/contracts.ts";

const ATTRIBUTE_PREFIX = "attribute.";
/** What SQS allows in the name of a message attribute. */
const ATTRIBUTE_NAME = /^[A-Za-z0-9_.-]{1,256}$/;

const METADATA_LIST = [...METADATA_NAMES, `${ATTRIBUTE_PREFIX}NAME`].map((name) => `@${name}`).join(", ");

/**
 * Reads a column's `from`: a field, a dotted path into nested JSON, or a piece of message metadata. The error is
 * "what is wrong; what would be right", to follow the name of the setting.
 */
export function parseOrigin(from: string): Result<ValueOrigin, string> {
  if (from.startsWith("@")) return parseMetadata(from.slice(1));
  const path = from.split(".");
  if (path.includes("")) {
    return { ok: false, error: "has an empty part; it must be a field, or a path such as device.os.name" };
  }
  return { ok: true, value: { kind: "field", path } };
}

function parseMetadata(name: string): Result<ValueOrigin, string> {
  const known = METADATA_NAMES.find((candidate) => candidate === name);
  if (known !== undefined) return { ok: true, value: { kind: "metadata", name: known } };
  if (!name.startsWith(ATTRIBUTE_PREFIX)) {
    return { ok: false, error: `names unknown metadata; it must be one of ${METADATA_LIST}` };
  }
  const attribute = name.slice(ATTRIBUTE_PREFIX.length);
  if (!ATTRIBUTE_NAME.test(attribute)) {
    return {
      ok: false,
      error:
        "names no possible message attribute; after @attribute. it must have 1 to 256 letters, digits, _ - or periods",
    };
  }
  return { ok: true, value: { kind: "attribute", name: attribute } };
}
