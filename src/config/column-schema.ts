import * as z from "zod";
import {
  COLUMN_TYPES,
  type ColumnType,
  ECHOES,
  type InnerStep,
  MASK_NAMES,
  type MaskName,
  type MetadataName,
  PII_DETECTIONS,
  PRECISIONS,
  isArrayType,
} from "../pipeline/contracts.ts";
import { parseInnerPath, pathsMeet, showInnerPath } from "./inner-path.ts";
import { CONSTANT, READING_SETTINGS, type ReadingSettings, readingProblems } from "./reading-settings.ts";
import { choice, isObject, mapping, oneOrMore, text } from "./schema-parts.ts";
import { parsePlace, placesIn } from "./value-origin.ts";

const REFUSED_MASKS: ReadonlyMap<unknown, string> = new Map(
  ["ff3", "ff3-1", "fpe-ff3", "fpe-ff3-1"].map((name) => [name, `names ${name}, which NIST has withdrawn as insecure`]),
);
const MASKS = `one of ${MASK_NAMES.join(", ")}`;

/** The types that a mask works on, where that is not every type but json. */
export const MASKED_TYPES: Readonly<Partial<Record<MaskName, readonly ColumnType[]>>> = {
  "ipcrypt-deterministic": ["ip"],
  "ipcrypt-pfx": ["ip"],
  "fpe-ff1": ["text"],
  generalize: ["ip", "timestamp"],
};

/** One-way masks whose tokens tell values apart: the originals of others need no vault, or would not be found in it. */
const REVEALABLE_MASKS: readonly MaskName[] = ["hmac-sha256", "hmac-over-sha256", "sha256"];

/** Masks whose tokens do not show which key version made them. */
export const VERSIONLESS_MASKS: readonly MaskName[] = ["ipcrypt-deterministic", "ipcrypt-pfx", "fpe-ff1"];

/** NIST SP 800-38G Rev. 1 section 5: at least 1,000,000 values, which six digits give. FF1 takes more than 56; nobody's number has. */
const FF1_DIGITS_MIN = 6;
const FF1_DIGITS_MAX = 56;
const FF1_DIGITS = `a whole number from ${FF1_DIGITS_MIN} to ${FF1_DIGITS_MAX}`;

/** A column's name has 63 bytes, a path 256: a key may be named as either. */
const KEY_BYTES_MAX = 320;
const KEY = `1 to ${KEY_BYTES_MAX} bytes, without control characters`;
const isKeyName = (key: string): boolean => Buffer.byteLength(key) <= KEY_BYTES_MAX && !/\p{Cc}/u.test(key);

const KEY_VERSION = "the number of a key version, from 1 to 9999";

/** Any other type would refuse every event. */
const METADATA_TYPES: Readonly<Record<MetadataName, readonly ColumnType[]>> = {
  message_id: ["text", "uuid"],
  group_id: ["text", "uuid", "ip", "version", "date", "timestamp"],
  sent_at: ["timestamp", "date", "text"],
  received_at: ["timestamp", "date", "text"],
  "sns.topic": ["text"],
  "sns.subject": ["text"],
  "sns.timestamp": ["timestamp", "date", "text"],
  "sns.message_id": ["text", "uuid"],
  index: ["integer"],
};

const maskName = z.enum(MASK_NAMES, {
  error: ({ input }) => {
    const refusal = REFUSED_MASKS.get(input);
    return refusal === undefined ? MASKS : `${refusal}; it must be ${MASKS}`;
  },
});

/** What a masked column and a mask inside one have in common. */
const MASK_SETTINGS = {
  key: text(KEY, isKeyName)
    .optional()
    .describe(
      "By which name its key is derived, and its links and originals are known: masked columns with the same one have equal tokens for equal values, in every pipeline of one `keys.domain`. Default: the column's name; inside a json column its name, a period and the path.",
    ),
  digits: z
    .int(FF1_DIGITS)
    .min(
      FF1_DIGITS_MIN,
      `gives a domain of fewer than 1,000,000 values, which NIST SP 800-38G forbids; it must be ${FF1_DIGITS}`,
    )
    .max(FF1_DIGITS_MAX, FF1_DIGITS)
    .optional()
    .describe(
      "With `mask: fpe-ff1`, and then needed: how many digits each value has. Another number of digits is refused; what stands between them (spaces, hyphens, dots, slashes, brackets, a plus sign) is kept.",
    ),
  precision: choice(PRECISIONS)
    .optional()
    .describe("With `mask: generalize` of a timestamp: what it is cut down to, in UTC. Default: day."),
  keyVersion: z
    .int(KEY_VERSION)
    .min(1, KEY_VERSION)
    .max(9_999, KEY_VERSION)
    .optional()
    .describe(
      "With ipcrypt-deterministic, ipcrypt-pfx and fpe-ff1, whose tokens do not show it: the key version that makes them. Default: the primary one, as long as the keyring has no other.",
    ),
  reveal: z
    .boolean("true or false")
    .default(false)
    .describe(
      "Whether each original is sealed into `piipe.vault`, for `piipe reveal`. For one-way masks; the reversible ones need none.",
    ),
};

const INNER_TYPES = COLUMN_TYPES.filter((type) => type !== "json" && !isArrayType(type));

const innerMaskSchema = mapping("a mask's name, or a mapping with the key mask", {
  mask: maskName.describe("How the value is masked (docs/masking.md)."),
  type: choice(INNER_TYPES)
    .default("text")
    .describe("What the value is. An event with something else there is refused; null stays null."),
  ...MASK_SETTINGS,
  echo: choice(ECHOES)
    .optional()
    .describe("What happens when a column without a mask holds the masked value, as for a column. Default: refuse."),
})
  .superRefine(
    (value, context) => {
      for (const [key, message] of maskProblems(value)) context.addIssue({ code: "custom", path: [key], message });
    },
    { when: ({ value }) => isObject(value) },
  )
  .describe("What a path inside the column leads to: a mask's name, or more of it.");

function meeting(path: readonly InnerStep[], known: readonly (readonly InnerStep[])[]): string | null {
  const met = known.find((other) => pathsMeet(path, other));
  return met === undefined
    ? null
    : `leads to the same value as ${showInnerPath(met)}, into it, or where it cannot be; keep one of the two`;
}

const masks = z
  .record(
    z.string(),
    z
      .union([maskName, innerMaskSchema])
      .describe("What a path inside the column leads to: a mask's name, or more of it."),
    "a mapping with a key for each path",
  )
  .superRefine((value, context) => {
    const paths = Object.keys(value);
    if (paths.length === 0) context.addIssue({ code: "custom", message: "has no paths; name one, or remove masks" });
    const known: (readonly InnerStep[])[] = [];
    for (const path of paths) {
      const parsed = parseInnerPath(path);
      const message = parsed.ok ? meeting(parsed.value, known) : parsed.error;
      if (message !== null) context.addIssue({ code: "custom", path: [path], message });
      else if (parsed.ok) known.push(parsed.value);
    }
  })
  .optional();

const PLACE = "a field, a path or a piece of metadata";

const place = z.string(PLACE).superRefine((from, context) => {
  const parsed = parsePlace(from);
  if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.error });
});

export const columnSchema = mapping("a mapping with the key type", {
  from: oneOrMore(place, PLACE)
    .optional()
    .describe(
      "Where the value comes from: a field, a path into nested JSON (device.os.name, items[0].sku), or metadata of the " +
        "message (@message_id, @sent_at, @received_at, @group_id, @attribute.NAME, and with `unwrap: sns` @sns.topic and its " +
        "like). Several: the first that has a value (“Paths” in docs/configuration.md). Default: the field of the column's " +
        "own name.",
    ),
  value: z
    .union([z.string(CONSTANT), z.number(CONSTANT), z.boolean(CONSTANT)], CONSTANT)
    .optional()
    .describe("A constant, the same for every event, instead of `from`."),
  type: choice(COLUMN_TYPES).describe("What the value is. An event whose value is something else is refused."),
  ...READING_SETTINGS,
  mask: maskName
    .optional()
    .describe("How the value is masked (docs/masking.md). Default: not personal data, stored as it is."),
  masks: masks.describe(
    'With `type: json`: what is masked inside it, by path. Keys are separated by periods, `[]` stands for each element of an array, and a key with other characters is in double quotes: `ip`, `devices[].id`, `"user.id"`. What is not named is stored as it is.',
  ),
  ...MASK_SETTINGS,
  piiDetection: choice(PII_DETECTIONS)
    .optional()
    .describe(
      "What happens when a column without a mask holds what looks like personal data (email, address, phone, card, IBAN, US SSN, JWT, MAC). Default: warn for text, text[] and json, off for other types.",
    ),
  echo: choice(ECHOES)
    .optional()
    .describe(
      "What happens when a column without a mask holds the value of a masked one: the event is refused, unless one of the two says allow. For common words, such as a city that also stands in a title. Default: refuse.",
    ),
  nullable: z
    .boolean("true or false")
    .default(false)
    .describe(
      "Whether a missing or null value, or an empty one where it is masked, becomes NULL. Otherwise the event is refused.",
    ),
})
  .superRefine(
    (value, context) => {
      for (const from of placesIn(value.from)) {
        const fitting = from.kind === "metadata" ? METADATA_TYPES[from.name] : null;
        if (fitting === null || fitting.includes(value.type)) continue;
        context.addIssue({
          code: "custom",
          path: ["type"],
          message: `does not suit this metadata; it must be ${fitting.join(" or ")}`,
        });
      }
      for (const [key, message] of [...maskProblems(value), ...readingProblems(value)])
        context.addIssue({ code: "custom", path: [key], message });
    },
    { when: ({ value }) => isObject(value) },
  )
  .describe("One column.");

interface ColumnSettings extends ReadingSettings {
  readonly digits?: number | undefined;
  readonly precision?: string | undefined;
  readonly keyVersion?: number | undefined;
  readonly reveal?: boolean | undefined;
  readonly piiDetection?: string | undefined;
  readonly key?: string | undefined;
  readonly masks?: object | undefined;
}

/** Settings of a column that do not go together, with what would be right. */
function* maskProblems(settings: ColumnSettings): Generator<readonly [keyof ColumnSettings, string]> {
  const { type, mask } = settings;
  if (mask !== undefined && typeof type === "string" && isArrayType(type)) {
    yield ["mask", "cannot mask an array; use type: json with masks"];
  } else if (mask !== undefined && type === "json") {
    yield ["mask", "cannot mask json as a whole; name what is personal in it in masks, or give it columns of its own"];
  } else if (mask !== undefined && type !== undefined && MASKED_TYPES[mask]?.includes(type) === false) {
    yield ["type", `is none that ${mask} can mask; it must be ${MASKED_TYPES[mask].join(" or ")}`];
  }
  if (mask === "fpe-ff1" && settings.digits === undefined) {
    yield ["mask", "is fpe-ff1, which needs to know how many digits the values have; add digits, such as digits: 9"];
  }
  if (mask !== "fpe-ff1" && settings.digits !== undefined) yield ["digits", "goes with mask: fpe-ff1 only; remove it"];
  if (settings.precision !== undefined && (mask !== "generalize" || type !== "timestamp")) {
    yield ["precision", "goes with mask: generalize of a timestamp only; remove it"];
  }
  if (settings.keyVersion !== undefined && (mask === undefined || !VERSIONLESS_MASKS.includes(mask))) {
    yield ["keyVersion", `goes with ${VERSIONLESS_MASKS.join(", ")} only; remove it`];
  }
  if (settings.reveal === true && (mask === undefined || !REVEALABLE_MASKS.includes(mask))) {
    yield ["reveal", `goes with ${REVEALABLE_MASKS.join(", ")} only; remove it`];
  }
  if (settings.key !== undefined && mask === undefined) yield ["key", "goes with a mask only; remove it"];
  if (settings.masks !== undefined && type !== undefined && type !== "json") {
    yield ["masks", "goes with type: json only; remove it, or mask the whole column with mask"];
  }
  if (settings.piiDetection !== undefined && mask !== undefined) {
    yield ["piiDetection", "is for columns without a mask; remove it"];
  }
}
