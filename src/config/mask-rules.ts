/** What holds for the masks of all columns, of all tables, together. Looks at settings as they were written: any of them may be wrong. */
import type { InnerStep, PathStep, ValuePlace } from "../pipeline/contracts.ts";
import { parseEach } from "./each-path.ts";
import { parseInnerPath, showInnerPath } from "./inner-path.ts";
import { isObject } from "./schema-parts.ts";
import { placesIn } from "./value-origin.ts";

/** Where, and "what is wrong; what would be right", to follow the setting's name. */
export interface MaskProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Measured on Node 20, one core; the run repeats it at every start. */
export const UNKEYED_RISK = "every IPv4 address was recovered from its bare SHA-256 in 162 s on one core";

/** The steps to a value, from the message on. */
type Way = readonly (PathStep | InnerStep)[];

type Settings = Readonly<Record<string, unknown>>;

/** A masked column, or a mask inside one. */
interface Masking {
  /** To its settings. */
  readonly path: readonly string[];
  /** To its mask's name. */
  readonly maskPath: readonly string[];
  readonly column: string;
  readonly table: string | null;
  readonly isInner: boolean;
  /** What it is called in commands. */
  readonly name: string;
  readonly settings: Settings;
  /** To its value: several where it has several places. */
  readonly ways: readonly Way[];
}

interface Declared {
  /** To its settings. */
  readonly path: readonly string[];
  /** null: it is stored as it is, but for its inner masks. */
  readonly masking: Masking | null;
  readonly inner: readonly Masking[];
  readonly ways: readonly Way[];
}

/** A table's settings as they were written, and the way to them. */
export interface WrittenTable {
  readonly at: readonly string[];
  /** null: it is missing, or no text. */
  readonly name: string | null;
  readonly table: Settings;
}

export function* maskProblemsAcross(
  tables: readonly WrittenTable[],
  sourceEach: unknown,
  allowsUnkeyed: boolean,
): Generator<MaskProblem> {
  const declared = tables.flatMap(({ at, name: tableName, table }) => {
    const above = [...levelsOf(sourceEach), ...levelsOf(table["each"])];
    return Object.entries(asObject(table["columns"])).map(([name, settings]) =>
      declaredOf({ at, table: tableName, above }, name, asObject(settings)),
    );
  });
  const maskings = declared.flatMap(({ masking, inner }) => (masking === null ? inner : [masking]));
  if (!allowsUnkeyed) {
    for (const { maskPath, settings } of maskings) {
      if (settings["mask"] !== "sha256") continue;
      const message = `is sha256, which has no key: ${UNKEYED_RISK}; use hmac-sha256, or accept that with allowUnkeyed: true at the top`;
      yield { path: maskPath, message };
    }
  }
  for (const { path } of rawTwins(declared, maskings)) {
    yield { path, message: "would store unmasked what another column masks; mask it too, or remove it" };
  }
  yield* keyProblems(maskings);
}

/** Where a column stands: in which table, and below which arrays. */
interface Standing {
  readonly at: readonly string[];
  readonly table: string | null;
  readonly above: readonly (readonly PathStep[])[];
}

/** The ways from one level of elements to the next. */
function levelsOf(each: unknown): readonly (readonly PathStep[])[] {
  const parsed = typeof each === "string" ? parseEach(each) : null;
  return parsed?.ok === true ? parsed.value.path : [];
}

function declaredOf({ at, table, above }: Standing, name: string, settings: Settings): Declared {
  const { from, mask } = settings;
  const places: readonly ValuePlace[] = from === undefined ? [{ kind: "field", path: [name] }] : placesIn(from);
  const ways = places.map((place) => wayTo(place, above));
  const path = [...at, "columns", name];
  const inner = Object.entries(asObject(settings["masks"])).flatMap(([written, of]): Masking[] => {
    const parsed = parseInnerPath(written);
    if (!parsed.ok) return [];
    return [
      {
        path: [...path, "masks", written],
        maskPath: [...path, "masks", written, ...(typeof of === "string" ? [] : ["mask"])],
        column: name,
        table,
        isInner: true,
        name: `${name}.${showInnerPath(parsed.value)}`,
        settings: typeof of === "string" ? { mask: of } : asObject(of),
        ways: ways.map((way) => [...way, ...parsed.value]),
      },
    ];
  });
  const masking =
    mask === undefined
      ? null
      : { path, maskPath: [...path, "mask"], column: name, table, isInner: false, name, settings, ways };
  return { path, masking, inner, ways };
}

/** Unmasked columns whose value is, or holds, what is masked elsewhere, and not by a mask of their own. */
function rawTwins(declared: readonly Declared[], maskings: readonly Masking[]): readonly Declared[] {
  const masked = maskings.flatMap(({ ways }) => ways);
  return declared.filter(({ masking, inner, ways }) => {
    const own = inner.flatMap((each) => each.ways);
    const isOpen = (other: Way): boolean => !own.some((way) => leadsTo(way, other));
    return masking === null && ways.some((way) => masked.some((other) => leadsTo(way, other) && isOpen(other)));
  });
}

/** A shorter way holds all longer ones that begin with it, and a mask of each element is one of any of them. */
const leadsTo = (way: Way, other: Way): boolean =>
  way.every((step, at) => {
    const met = other[at];
    return step === met || (step === null && typeof met === "number") || (met === null && typeof step === "number");
  });

/** What makes a token, beside the key and the value. */
const SHARED_SETTINGS = ["mask", "type", "keyVersion", "digits"] as const;

/** Tokens under one key are compared, linked and revealed as one column's: they have to be made in one way. */
function* keyProblems(maskings: readonly Masking[]): Generator<MaskProblem> {
  const firstOfKey = new Map<string, Masking>();
  for (const masking of maskings) {
    const { key } = masking.settings;
    if (key !== undefined && typeof key !== "string") continue;
    const name = key ?? masking.name;
    const first = firstOfKey.get(name);
    if (first === undefined) {
      firstOfKey.set(name, masking);
      continue;
    }
    const isOfOtherTable = first.table !== masking.table;
    if (key === undefined && first.settings["key"] === undefined && !isOfOtherTable) {
      // One path, written twice.
      if (first.column === masking.column) continue;
      const inner = masking.isInner ? masking : first;
      const message = `would have the key of another column, which is called ${name} as well; give it a key of its own with key`;
      yield { path: inner.path, message };
      continue;
    }
    const differing = SHARED_SETTINGS.find((setting) => settingOf(masking, setting) !== settingOf(first, setting));
    if (differing === undefined) continue;
    const at = masking.settings["key"] === undefined && first.settings["key"] !== undefined ? first : masking;
    const other = at === first ? masking : first;
    const isByName = at.settings["key"] === undefined;
    const named = isOfOtherTable ? `${other.name} of ${other.table}` : other.name;
    const message = isByName
      ? `would share its key with ${named}, which has another ${differing}; give it a key of its own with key`
      : `is shared with ${named}, which has another ${differing}; columns that share a key must have the same ${SHARED_SETTINGS.join(", ")}`;
    yield { path: isByName ? at.path : [...at.path, "key"], message };
  }
}

const settingOf = ({ isInner, settings }: Masking, setting: (typeof SHARED_SETTINGS)[number]): unknown =>
  settings[setting] ?? (isInner && setting === "type" ? "text" : undefined);

function wayTo(place: ValuePlace, above: readonly (readonly PathStep[])[]): Way {
  if (place.kind !== "field") return [place.kind, place.name];
  const levels = above.slice(0, Math.max(0, above.length - (place.up ?? 0)));
  return [place.kind, ...levels.flatMap((path) => [...path, null]), ...place.path];
}

const asObject = (value: unknown): Settings => (isObject(value) ? value : {});
