/** What holds for the masks of all columns together. Looks at settings as they were written: any of them may be wrong. */
import type { InnerStep, PathStep, ValuePlace } from "../pipeline/contracts.ts";
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
  readonly isInner: boolean;
  /** What it is called in commands. */
  readonly name: string;
  readonly settings: Settings;
  /** To its value: several where it has several places. */
  readonly ways: readonly Way[];
}

interface Declared {
  readonly name: string;
  /** null: it is stored as it is, but for its inner masks. */
  readonly masking: Masking | null;
  readonly inner: readonly Masking[];
  readonly ways: readonly Way[];
}

export function* maskProblemsAcross(columns: Settings, allowsUnkeyed: boolean): Generator<MaskProblem> {
  const declared = Object.entries(columns).map(([name, settings]) => declaredOf(name, asObject(settings)));
  const maskings = declared.flatMap(({ masking, inner }) => (masking === null ? inner : [masking]));
  if (!allowsUnkeyed) {
    for (const { maskPath, settings } of maskings) {
      if (settings["mask"] !== "sha256") continue;
      const message = `is sha256, which has no key: ${UNKEYED_RISK}; use hmac-sha256, or accept that with allowUnkeyed: true at the top`;
      yield { path: maskPath, message };
    }
  }
  for (const name of rawTwins(declared, maskings)) {
    const message = "would store unmasked what another column masks; mask it too, or remove it";
    yield { path: ["columns", name], message };
  }
  yield* keyProblems(maskings);
}

function declaredOf(name: string, settings: Settings): Declared {
  const { from, mask } = settings;
  const places: readonly ValuePlace[] = from === undefined ? [{ kind: "field", path: [name] }] : placesIn(from);
  const ways = places.map(wayTo);
  const path = ["columns", name];
  const inner = Object.entries(asObject(settings["masks"])).flatMap(([written, of]): Masking[] => {
    const parsed = parseInnerPath(written);
    if (!parsed.ok) return [];
    return [
      {
        path: [...path, "masks", written],
        maskPath: [...path, "masks", written, ...(typeof of === "string" ? [] : ["mask"])],
        column: name,
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
      : { path, maskPath: [...path, "mask"], column: name, isInner: false, name, settings, ways };
  return { name, masking, inner, ways };
}

/** Names of unmasked columns whose value is, or holds, what is masked elsewhere, and not by a mask of their own. */
function rawTwins(declared: readonly Declared[], maskings: readonly Masking[]): readonly string[] {
  const masked = maskings.flatMap(({ ways }) => ways);
  return declared
    .filter(({ masking, inner, ways }) => {
      const own = inner.flatMap((each) => each.ways);
      const isOpen = (other: Way): boolean => !own.some((way) => leadsTo(way, other));
      return masking === null && ways.some((way) => masked.some((other) => leadsTo(way, other) && isOpen(other)));
    })
    .map(({ name }) => name);
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
    if (key === undefined && first.settings["key"] === undefined) {
      // One path, written twice.
      if (first.column === masking.column) continue;
      const inner = masking.isInner ? masking : first;
      const message = `would have the key of another column, which is called ${name} as well; give it a key of its own with key`;
      yield { path: inner.path, message };
      continue;
    }
    const differing = SHARED_SETTINGS.find((setting) => settingOf(masking, setting) !== settingOf(first, setting));
    if (differing === undefined) continue;
    const at = masking.settings["key"] === undefined ? first : masking;
    const other = at === first ? masking : first;
    const message = `is shared with ${other.name}, which has another ${differing}; columns that share a key must have the same ${SHARED_SETTINGS.join(", ")}`;
    yield { path: [...at.path, "key"], message };
  }
}

const settingOf = ({ isInner, settings }: Masking, setting: (typeof SHARED_SETTINGS)[number]): unknown =>
  settings[setting] ?? (isInner && setting === "type" ? "text" : undefined);

const wayTo = (place: ValuePlace): Way =>
  place.kind === "field" ? [place.kind, ...place.path] : [place.kind, place.name];

const asObject = (value: unknown): Settings => (isObject(value) ? value : {});
