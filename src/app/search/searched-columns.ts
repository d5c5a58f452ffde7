import type { Config } from "../../config/config.ts";
import { didYouMean } from "../../config/did-you-mean.ts";
import { compileDecoder } from "../../decode/compile-decoder.ts";
import { PiipeError } from "../../errors.ts";
import type { Keyring } from "../../keys/keyring.ts";
import { isMasked, keyNameOf, type MaskedColumn, maskedOf } from "../../mask/column-tokens.ts";
import { isBareDigest, linkRuleOf, spellingsFound, valueTokensOf, whyUnsearchable } from "../../mask/value-tokens.ts";
import type { Column, Delivery, LinkRule, Rejection, Result } from "../../pipeline/contracts.ts";
import { columnsNamed, type PlacedColumn, placedColumns } from "../placed-columns.ts";

const ATTRIBUTE = "value";

/**
 * Reads a text that a person gave as the pipeline would read it: checked against the column's type and brought into its
 * form. Like an attribute of a message, which is text as well and read as the column's type means it.
 */
export function decodeValue(column: Column, text: string): Result<string, Rejection> {
  const from = { kind: "attribute", name: ATTRIBUTE } as const;
  // What is stored instead of a value is none.
  const { otherwise: _otherwise, ...settings } = column;
  const decode = compileDecoder(
    [{ columns: [{ ...settings, origin: from, nullable: false }], when: [], each: null, bounds: new Map() }],
    { unknownFields: "ignore" },
  );
  const decoded = decode(deliveryOf(text));
  return decoded.ok ? { ok: true, value: String(decoded.value.rows[0]?.values[0]) } : decoded;
}

const deliveryOf = (text: string): Delivery => ({
  id: "value",
  attempt: 1,
  sentAtMs: 0,
  receivedAtMs: 0,
  groupId: null,
  body: "{}",
  bytes: 2,
  attributes: new Map([[ATTRIBUTE, text]]),
});

/** A column in which a value is searched. */
export interface ColumnSearch extends PlacedColumn<MaskedColumn> {
  /** Those that can be made: what is linked with them is in the database. */
  readonly tokens: readonly string[];
  /** The value's bare SHA-256, where a takeover may not have reached the column yet. Never printed. */
  readonly bareDigest: string | null;
  readonly links: LinkRule | null;
  readonly spellings: ReturnType<typeof spellingsFound>;
}

/** A column that was named but cannot hold the value, or cannot be searched. */
export interface UnsearchedColumn {
  /** As it is shown. */
  readonly column: string;
  readonly why: string;
}

export interface SearchedColumns {
  readonly searched: readonly PlacedColumn<MaskedColumn>[];
  readonly unsearched: readonly UnsearchedColumn[];
}

/**
 * The columns that a person means: by the column's name, by the field that one or several columns are made from, or by the
 * key that several share; in all tables, or in the one that is named before it. What is masked inside a column is named like
 * one: `context.devices[].id`.
 * @throws {PiipeError} `usage.invalid` when there is none, or none that can be searched, saying why
 */
export function findSearchedColumns(what: string, config: Pick<Config, "tables">): SearchedColumns {
  const all = placedColumns(config, (own) => [...own, ...maskedOf(own.filter((column) => !isMasked(column)))]);
  const named = columnsNamed(all, what, isMeant);
  if (named.length === 0) throw unknownColumn(all, what);
  const unsearched = named.flatMap(({ column, shown }) => {
    const why = isMasked(column) ? whyUnsearchable(column) : whyUnmasked(column);
    return why === null ? [] : [{ column: shown, why }];
  });
  const searched = named.filter(isPlacedMask).filter(({ column }) => whyUnsearchable(column) === null);
  if (searched.length === 0) {
    throw new PiipeError("usage.invalid", `no value can be searched in ${showUnsearched(unsearched)}`, {
      hint: named.some(({ column }) => !isMasked(column))
        ? "A column that is stored as it is needs no key: search it with SQL."
        : "Search the person's rows by another column.",
    });
  }
  return { searched, unsearched };
}

/** A field above the elements that have rows is the event's. */
const isMeant = (column: Column, what: string): boolean =>
  column.name === what ||
  column.from === what ||
  column.from.replace(/^(?:\^\.)+/, "") === what ||
  (isMasked(column) && keyNameOf(column) === what);

const isPlacedMask = (placed: PlacedColumn): placed is PlacedColumn<MaskedColumn> => isMasked(placed.column);

/** With the columns of all tables that share the keys: equal values have equal tokens there. */
export function withSharedKeys(
  { searched, unsearched }: SearchedColumns,
  config: Pick<Config, "tables">,
): SearchedColumns {
  const keys = new Set(searched.map(({ column }) => keyNameOf(column)));
  const named = new Set(searched.map(({ column }) => column));
  const shared = placedColumns(config, maskedOf).filter(
    ({ column }) => !named.has(column) && keys.has(keyNameOf(column)) && whyUnsearchable(column) === null,
  );
  return { searched: [...searched, ...shared], unsearched };
}

function whyUnmasked({ masks = [] }: Column): string {
  if (masks.length === 0) return "it is stored as it is";
  return `what is masked inside is named by its path: ${masks.map(({ name }) => name).join(", ")}`;
}

/**
 * The tokens of a value in each column that can hold it.
 * @throws {PiipeError} `usage.invalid` when none can hold it, which does not quote it; `keys.missing`
 */
export function searchesOf(
  text: string,
  { searched, unsearched }: SearchedColumns,
  { keys }: Config,
  keyring: Keyring | null,
): { readonly searches: readonly ColumnSearch[]; readonly unsearched: readonly UnsearchedColumn[] } {
  const searches: ColumnSearch[] = [];
  const unfit: UnsearchedColumn[] = [];
  for (const placed of searched) {
    const { column, shown } = placed;
    const tokensOf = valueTokensOf(column, { keyring, domain: keys.domain });
    const decoded = decodeValue(column, text);
    const tokens = decoded.ok ? tokensOf(decoded.value) : null;
    if (tokens === null) unfit.push({ column: shown, why: `the value is none of its type, ${column.type}` });
    else {
      searches.push({
        ...placed,
        tokens: tokens.filter((token) => !isBareDigest(column, token)),
        bareDigest: tokens.find((token) => isBareDigest(column, token)) ?? null,
        links: linkRuleOf(column, keyring, true),
        spellings: spellingsFound(column, text),
      });
    }
  }
  if (searches.length === 0) {
    throw new PiipeError("usage.invalid", `no row can have this value in ${showUnsearched(unfit)}`, {
      hint: "An event with it would be refused. Give the value as the events have it.",
    });
  }
  return { searches, unsearched: [...unsearched, ...unfit] };
}

const showUnsearched = (columns: readonly UnsearchedColumn[]): string =>
  columns.map(({ column, why }) => `${column} (${why})`).join(", ");

/** Does not quote what was given: it may be a raw value in the wrong place. */
function unknownColumn(columns: readonly PlacedColumn[], given: string): PiipeError {
  const near = didYouMean(given, new Set(columns.flatMap(({ shown, column }) => [column.name, column.from, shown])));
  return new PiipeError("usage.invalid", "the configuration has no column of the given name, nor for such a field", {
    hint: `${near === null ? "" : `Did you mean ${near}? `}The columns are ${columns.map(({ shown }) => shown).join(", ")}.`,
  });
}
