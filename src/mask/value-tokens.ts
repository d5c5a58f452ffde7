import { PiipeError } from "../errors.ts";
import type { KeyVersion } from "../keys/key-version.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { LinkRule } from "../pipeline/contracts.ts";
import {
  activeVersion,
  chainOf,
  type MaskedColumn,
  type MaskOptions,
  normalizerOf,
  overTokens,
  versionTokenizer,
} from "./column-tokens.ts";
import { hasOneForm } from "./normalize/normalize-text.ts";
import type { KeyedOperator, Tokenize } from "./operators/operator.ts";
import { OPERATORS } from "./operators/operators.ts";
import { sha256Operator } from "./operators/sha256.ts";
import { isDigest, tokenTestOf } from "./token-form.ts";

/** All tokens that can be made of a raw text in a column, without repetition; null when it is no value of the column. */
export type ValueTokens = (text: string) => readonly string[] | null;

/** Why no value of a column can be found by what is stored of it; null when it can. */
export function whyUnsearchable({ mask }: MaskedColumn): string | null {
  const operator = OPERATORS[mask];
  if (operator.needsKey || operator.isSearchable) return null;
  return mask === "generalize"
    ? "generalize gives many values the same form"
    : `${mask} keeps nothing by which a value could be found`;
}

/**
 * Prepares the search for values of a column: what new events would get, what any older event may have got under a key
 * version whose key is still there, and the bare SHA-256 that a takeover has not reached yet. A pending version counts as
 * well: a worker's keyring may be ahead of this one.
 *
 * Masks whose tokens do not show their version have one version only. Under any other, the token of one value could be
 * that of another, and the wrong rows would be found.
 *
 * @throws PiipeError `keys.missing` when there is no key to make a token with
 */
export function valueTokensOf(column: MaskedColumn, options: MaskOptions): ValueTokens {
  const why = whyUnsearchable(column);
  if (why !== null) throw new TypeError(`column ${column.name} cannot be searched: ${why}`);
  const normalize = normalizerOf(column);
  const tokenizers = tokenizersOf(column, options);
  return (text) => {
    const normalized = normalize(text);
    if (normalized === null || normalized === "") return null;
    const tokens = tokenizers.map((tokenize) => tokenize(normalized)).filter((token) => typeof token === "string");
    return tokens.length === 0 ? null : [...new Set(tokens)];
  };
}

/**
 * @param isValueKnown whether the search begins with all tokens that can be made of the value, or with one of its tokens
 * @returns null: the mask's tokens are never linked
 */
export function linkRuleOf(column: MaskedColumn, keyring: Keyring | null, isValueKnown: boolean): LinkRule | null {
  const operator = OPERATORS[column.mask];
  const isToken = tokenTestOf(column);
  if (!operator.needsKey || operator.tokenLetter === null || isToken === null) return null;
  const { chain, tokenLetter } = operator;
  const versions = keyring?.versions ?? [];
  const olderThan = (version: number): readonly KeyVersion[] => versions.filter((known) => known.version < version);
  const rewraps = ({ over }: KeyVersion): boolean => over !== null && chain !== null;
  const isMade = (version: KeyVersion): boolean =>
    version.state !== "destroyed" &&
    (!rewraps(version) || olderThan(version.version).every(({ state }) => state !== "destroyed"));
  return {
    versionOf: (token) => (isToken(token) ? versionOfToken(column, token) : null),
    madePrefixes: isValueKnown ? versions.filter(isMade).map(({ version }) => `${tokenLetter}${version}_`) : [],
    tokensMax(version) {
      const known = keyring?.find(version) ?? null;
      if (known !== null && !rewraps(known)) return 1;
      // Those of the version that it is over become its own.
      return 1 + olderThan(version).filter((older) => older.version !== known?.over).length;
    },
  };
}

/** Whether the separators of a value stay in its token, so that spellings of one value have tokens with the same digits. */
export const keepsSeparators = ({ mask }: MaskedColumn): boolean => mask === "fpe-ff1";

/**
 * Of a value's spellings, those that its tokens find: all of them; those with the same characters, but for white space
 * around it; or exactly the given one.
 */
export function spellingsFound(column: MaskedColumn, text: string): "all" | "same characters" | "exactly this" {
  if (!OPERATORS[column.mask].usesNormalization) return "exactly this";
  return column.type !== "text" || keepsSeparators(column) || hasOneForm(text) ? "all" : "same characters";
}

/**
 * Whether one of a value's tokens is its bare SHA-256, by which everybody can find the value out: it goes nowhere, unless
 * the column holds such digests itself.
 */
export const isBareDigest = ({ mask }: MaskedColumn, token: string): boolean =>
  mask === "hmac-over-sha256" && isDigest(token);

/** Whether the mask's tokens show their key version. */
export const showsVersion = (column: MaskedColumn): boolean => letterOf(column) !== null;

/** The key version that a token shows; null when it shows none, or is no token of the mask. */
export function versionOfToken(column: MaskedColumn, token: string): number | null {
  const match = /^([a-z])([1-9]\d{0,3})_/.exec(token);
  return match !== null && match[1] === letterOf(column) ? Number(match[2]) : null;
}

function letterOf({ mask }: MaskedColumn): string | null {
  const operator = OPERATORS[mask];
  return operator.needsKey ? operator.tokenLetter : null;
}

function tokenizersOf(column: MaskedColumn, options: MaskOptions): readonly Tokenize[] {
  const operator = OPERATORS[column.mask];
  if (!operator.needsKey) return [operator.create(column)];
  const tokenizers = versionsOf(operator, column, options).flatMap((version) => {
    const tokenize = versionTokenizer(operator, column, version, options);
    return [tokenize, ...rewrappers(operator, column, version, options).map((rewrap) => overTokens(tokenize, rewrap))];
  });
  return operator.name === "hmac-over-sha256" ? [...tokenizers, sha256Operator.create(column)] : tokenizers;
}

/** Every step that rewraps may have taken with a version's token: one may be under way, or be that of a newer keyring. */
function rewrappers(
  operator: KeyedOperator,
  column: MaskedColumn,
  version: KeyVersion,
  { keyring, domain }: MaskOptions,
): readonly ((token: string) => string)[] {
  const { chain } = operator;
  if (keyring === null || chain === null) return [];
  const done = keyring.rewrapsOf(version.version);
  const next = keyring.versions.filter(
    ({ state, over }) => state === "pending" && over !== null && over === keyring.primary?.version,
  );
  return [...done.map((_, index) => done.slice(0, index + 1)), ...next.map((pending) => [...done, pending])].map(
    (versions) => chainOf(chain, operator, column, versions, domain),
  );
}

function versionsOf(operator: KeyedOperator, column: MaskedColumn, options: MaskOptions): readonly KeyVersion[] {
  if (options.keyring === null || !showsVersion(column)) return [activeVersion(column, options)];
  const versions = options.keyring.versions.filter(({ state }) => state !== "destroyed");
  if (versions.length > 0) return versions.toSorted((a, b) => b.version - a.version);
  throw new PiipeError(
    "keys.missing",
    `every version of the keyring is destroyed: no token of ${column.name} can be made`,
    {
      hint: "Restore the keyring from a backup that has a version, or add one with `piipe keys add`.",
    },
  );
}
