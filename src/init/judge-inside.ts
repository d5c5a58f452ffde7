import { parseInnerPath, showInnerPath } from "../config/inner-path.ts";
import { personalPartOf } from "../config/looks-personal.ts";
import { isJsonText } from "../mask/leak/json-text.ts";
import type { ColumnType } from "../pipeline/contracts.ts";
import type { Field } from "./collect-fields.ts";
import type { InferredMask } from "./column-of.ts";
import { inferType } from "./infer-type.ts";
import { collectInner, type InnerField } from "./inner-fields.ts";
import { areCoordinates, namesOfPeople, personalReasons } from "./personal-reasons.ts";

export interface JudgedInside {
  /** What is to be masked inside of the field's values. */
  readonly masks: readonly InferredMask[];
  /** Why, by path: sentences without a subject. */
  readonly reasons: readonly string[];
  /** Events that a mask would refuse: sentences. */
  readonly notes: readonly string[];
  /** Why masks inside do not do, so that the field cannot be stored; null: they do. */
  readonly obstacle: string | null;
}

export const NOTHING_INSIDE: JudgedInside = { masks: [], reasons: [], notes: [], obstacle: null };

const DATA_KEYS = "has keys that differ from event to event and may be personal themselves";

/** More masks than anybody reads. */
const MASKS_MAX = 40;

/**
 * What is personal inside of objects and arrays, place by place, as a column of each would be judged.
 * @param around reasons that hold for the field as a whole: of an array of single values, they are those of each
 */
export function judgeInside(field: Field, around: readonly string[] = []): JudgedInside {
  const { fields, hasDataKeys, isBarred } = collectInner(field.values);
  // Nor are they shown: they may be personal themselves.
  if (hasDataKeys || field.hasDataKeys) return { ...NOTHING_INSIDE, obstacle: DATA_KEYS };
  const coordinates = areCoordinates(field);
  const nameOfPerson = namesOfPeople(fields.map(({ path }) => path));
  const judged = fields.map((inner) => {
    const isElement = inner.path.every((step) => step === null);
    const known = [nameOfPerson(inner.path), coordinates ? "holds coordinates" : null, ...(isElement ? around : [])];
    return {
      inner,
      ...judgeInner(
        field,
        inner,
        known.filter((reason) => reason !== null),
      ),
    };
  });
  const personal = judged.filter(({ reasons }) => reasons.length > 0);
  return {
    masks: personal.map(({ inner, type }) => ({ path: showInnerPath(inner.path), type, mask: "hmac-sha256" })),
    reasons: personal.map(({ inner, reasons }) => `${showPlace(inner)} ${reasons.join(", ")}`),
    notes: personal.flatMap(({ inner, type, refused }) =>
      refused === 0
        ? []
        : [`events with a ${showPlace(inner)} that is no ${type} would be refused: ${refused} of the values seen`],
    ),
    obstacle: obstacleOf(
      personal.map(({ inner }) => inner),
      isBarred,
    ),
  };
}

const showPlace = ({ path }: InnerField): string => showInnerPath(path);

/** @param known reasons that what is around it gives */
function judgeInner(field: Field, inner: InnerField, known: readonly string[]) {
  const path = [...field.path, ...inner.path];
  const values = inner.values.filter((value) => value !== "");
  // By its path alone no time is told from a number there: a mask inside has a type, and no format.
  const { type, refused } = inferType("", values, true);
  if (type === "boolean" && refused === 0) return { type, refused, reasons: [] };
  const own = personalReasons({ path, values }, { type });
  const parts = inner.names.flatMap((name) => personalPartOf(name) ?? []);
  const reasons = [
    ...own,
    ...(parts.length === 0 ? [] : [`is sometimes called something personal (${[...new Set(parts)].join(", ")})`]),
    ...known,
  ];
  return { type: typeInside(type), refused, reasons };
}

const typeInside = (type: ColumnType): ColumnType => (type === "json" ? "text" : type);

function obstacleOf(personal: readonly InnerField[], isBarred: (field: InnerField) => boolean): string | null {
  if (personal.length > MASKS_MAX)
    return `has ${personal.length} personal places inside, more than a configuration should name`;
  if (personal.some(({ path }) => !parseInnerPath(showInnerPath(path)).ok))
    return "has something personal that no path leads to";
  if (personal.some(isBarred)) return "has something personal in a place where there is something else at times";
  const holdsJson = personal.some(({ values }) =>
    values.some((value) => typeof value === "string" && isJsonText(value)),
  );
  return holdsJson ? "has something personal inside of JSON in a text, which no path leads to" : null;
}
