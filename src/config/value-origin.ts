import {
  METADATA_NAMES,
  type MessageOrigin,
  type PathStep,
  type Result,
  type ValuePlace,
} from "../pipeline/contracts.ts";
import { parsePath, renderPath } from "./value-path.ts";

const ATTRIBUTE_PREFIX = "attribute.";
/** What SQS allows in the name of a message attribute. */
const ATTRIBUTE_NAME = /^[A-Za-z0-9_.-]{1,256}$/;

const METADATA_LIST = [...METADATA_NAMES, `${ATTRIBUTE_PREFIX}NAME`].map((name) => `@${name}`).join(", ");

/** A `from` as the configuration writes it: one place, or several of which the first that has a value counts. */
export type From = string | readonly string[];

/**
 * Reads one place: a field, a path into nested JSON, `.` for the event or element as a whole, `^.` for what surrounds an
 * element, or a piece of message metadata. The error is "what is wrong; what
 * would be right", to follow the name of the setting.
 */
export function parsePlace(from: string): Result<ValuePlace, string> {
  if (from.startsWith("@")) return parseMetadata(from.slice(1));
  const above = ABOVE.exec(from)?.[0] ?? "";
  const up = above.split("^").length - 1;
  const rest = from.slice(above.length);
  const path = rest === (up === 0 ? "." : "") ? WHOLE : parsePath(rest);
  return path.ok ? { ok: true, value: { kind: "field", path: path.value, ...(up > 0 && { up }) } } : path;
}

/** `^`, or several with periods between them, and the period behind them. */
const ABOVE = /^\^(?:\.\^)*(?:\.|$)/;
const WHOLE: Result<readonly PathStep[], string> = { ok: true, value: [] };

/** Reads a whole `from`, in which the first wrong place gives the error. */
export function parseOrigin(from: From): Result<MessageOrigin, string> {
  if (typeof from === "string") return parsePlace(from);
  const places: ValuePlace[] = [];
  for (const each of from) {
    const place = parsePlace(each);
    if (!place.ok) return place;
    places.push(place.value);
  }
  const [only] = places;
  return { ok: true, value: places.length === 1 && only !== undefined ? only : { kind: "first", places } };
}

/** The places of a `from` of which it is not known yet whether it is one: those that can be read. */
export const placesIn = (from: unknown): readonly ValuePlace[] =>
  [from].flat().flatMap((each) => {
    const place = typeof each === "string" ? parsePlace(each) : null;
    return place?.ok === true ? [place.value] : [];
  });

/** The text that `parsePlace` reads as the place. */
export function renderPlace(place: ValuePlace): string {
  switch (place.kind) {
    case "field": {
      const above = "^.".repeat(place.up ?? 0);
      if (place.path.length === 0) return above === "" ? "." : above.slice(0, -1);
      return above + renderPath(place.path);
    }
    case "metadata":
      return `@${place.name}`;
    case "attribute":
      return `@${ATTRIBUTE_PREFIX}${place.name}`;
  }
}

/** As a rejection names it. */
export const showFrom = (from: From): string => (typeof from === "string" ? from : from.join(" or "));

function parseMetadata(name: string): Result<ValuePlace, string> {
  const known = METADATA_NAMES.find((candidate) => candidate === name);
  if (known !== undefined) return { ok: true, value: { kind: "metadata", name: known } };
  if (!name.startsWith(ATTRIBUTE_PREFIX)) {
    return {
      ok: false,
      error: `names unknown metadata; it must be one of ${METADATA_LIST}, or in double quotes a field that begins with @`,
    };
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
