import { PiipeError } from "../errors.ts";
import type { KeyVersion } from "../keys/key-version.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Column, InnerMask, MaskName, TokenPlace } from "../pipeline/contracts.ts";
import { normalizationOf } from "./normalize/normalize.ts";
import type { KeyedOperator, KeyUse, Tokenize } from "./operators/operator.ts";
import { OPERATORS } from "./operators/operators.ts";

export interface MaskOptions {
  /** null: there is none, and only masks that need no key can be compiled. */
  readonly keyring: Keyring | null;
  /** Goes into every column's key: the same value has unrelated tokens in two domains. */
  readonly domain: string;
}

/** A column with a mask, or a mask inside one. */
export interface MaskedColumn extends Column {
  readonly mask: MaskName;
}

export const isMasked = (column: Column): column is MaskedColumn => column.mask !== null;

/** The masked columns, and what is masked inside the others. */
export const maskedOf = (columns: readonly Column[]): readonly MaskedColumn[] =>
  columns.flatMap((column): readonly MaskedColumn[] => (isMasked(column) ? [column] : (column.masks ?? [])));

/** By what its keys, links and originals are known. */
export const keyNameOf = ({ key, name }: Column): string => key ?? name;

const isInner = (column: Column): column is InnerMask => "inside" in column;

export function placeOf(column: Column): TokenPlace {
  const { column: outer, path } = isInner(column) ? column.inside : { column: column.name, path: null };
  return { name: column.name, column: outer, path, key: keyNameOf(column) };
}

/** The text from which a column's token is made: one form for all spellings, null when it is none of its type. */
export function normalizerOf({ mask, type }: MaskedColumn): (text: string) => string | null {
  return OPERATORS[mask].usesNormalization ? normalizationOf(type) : unchanged;
}

const unchanged = (text: string): string => text;

/**
 * What new events get. Prepared once for each column; takes normalised text.
 * @throws PiipeError `keys.missing`: there is no fallback to a mask without a key
 */
export function tokenizerOf(column: MaskedColumn, options: MaskOptions): Tokenize {
  const operator = OPERATORS[column.mask];
  if (!operator.needsKey) return operator.create(column);
  return versionTokenizer(operator, column, activeVersion(column, options), options);
}

/**
 * What a value's token is, or was, under a key version that is not destroyed. Takes normalised text. A version over
 * another one makes its tokens over the tokens of that one, where the mask is one-way.
 */
export function versionTokenizer(
  operator: KeyedOperator,
  column: MaskedColumn,
  version: KeyVersion,
  options: MaskOptions,
): Tokenize {
  const use = keyUse(operator, column, version, options.domain);
  if (version.over === null || operator.chain === null) return operator.create(use);
  const base = options.keyring?.find(version.over);
  if (!base) throw new TypeError(`key version ${version.version} is over one that is not there`);
  return overTokens(versionTokenizer(operator, column, base, options), operator.chain(use));
}

/**
 * What the stored token of a value under a key version becomes by all rewraps. Takes normalised text. That of a reversible
 * mask is then one that the last of the rewraps made of the value.
 */
function rewrappedTokenizer(
  operator: KeyedOperator,
  column: MaskedColumn,
  version: KeyVersion,
  options: MaskOptions & { readonly keyring: Keyring },
): Tokenize {
  const rewraps = options.keyring.rewrapsOf(version.version);
  if (operator.chain === null) return versionTokenizer(operator, column, rewraps.at(-1) ?? version, options);
  const tokenize = versionTokenizer(operator, column, version, options);
  return overTokens(tokenize, chainOf(operator.chain, operator, column, rewraps, options.domain));
}

/** First the token, then what is made over it. */
export const overTokens =
  (tokenize: Tokenize, chain: (token: string) => string): Tokenize =>
  (text) => {
    const token = tokenize(text);
    return typeof token === "string" ? chain(token) : token;
  };

/** @param versions each takes the tokens of the one before */
export function chainOf(
  chain: NonNullable<KeyedOperator["chain"]>,
  operator: KeyedOperator,
  column: MaskedColumn,
  versions: readonly KeyVersion[],
  domain: string,
): (token: string) => string {
  const steps = versions.map((version) => chain(keyUse(operator, column, version, domain)));
  return (token) => steps.reduce((made, step) => step(made), token);
}

export function keyUse(operator: KeyedOperator, column: MaskedColumn, version: KeyVersion, domain: string): KeyUse {
  const key = version.deriveKey({ mask: operator.name, domain, column: keyNameOf(column) }, operator.keyBytes);
  return { key, version: version.version, column };
}

/**
 * What else new events get: the tokens of the linking versions as a rewrap leaves them in the table, by which duplicates
 * are found across a rotation. A token that a leaked key makes is never linked.
 */
export function linkedTokenizers(column: MaskedColumn, { keyring, domain }: MaskOptions): readonly Tokenize[] {
  const operator = OPERATORS[column.mask];
  if (!operator.needsKey || operator.tokenLetter === null || keyring === null) return [];
  return keyring.live
    .filter(({ state }) => state === "linking")
    .filter((version) => operator.chain !== null || keyring.rewrapsOf(version.version).at(-1)?.state !== "primary")
    .map((version) => rewrappedTokenizer(operator, column, version, { keyring, domain }));
}

/** Another keyring than the one before would give other tokens: the stored ones would match none of the new. */
export const NO_KEYRING_HINT =
  "Name it as `keys.file` or `keys.secret`, or put its text into PIIPE_KEYS; if it is lost, restore it from its backup. Only for a new " +
  "pipeline make one with `piipe keys new`.";

/**
 * The version that makes a column's tokens: the primary one, or where tokens do not show their version the one that the
 * column names.
 * @throws PiipeError `keys.missing`, saying which version is in which state
 */
export function activeVersion(column: MaskedColumn, { keyring }: MaskOptions): KeyVersion {
  const needs = `column ${column.name} has the mask ${column.mask}, which needs a key`;
  if (keyring === null) {
    throw new PiipeError("keys.missing", `${needs}, and there is no keyring`, {
      hint: NO_KEYRING_HINT,
    });
  }
  if (column.keyVersion !== null) return pinnedVersion(column, column.keyVersion, keyring);
  const { primary } = keyring;
  if (primary === null) {
    const states = keyring.versions.map(({ version, state }) => `version ${version} is ${state}`).join(", ");
    throw new PiipeError("keys.missing", `${needs}, and no version of the keyring is primary: ${states}`, {
      hint: "Make a pending version the primary one with `piipe keys promote`; `piipe keys add` adds one.",
    });
  }
  requireKeyVersions([column], keyring);
  return primary;
}

/** Columns whose tokens do not show their version, and that do not say which one makes them. */
export function columnsWithoutVersion(columns: readonly Column[], keyring: Keyring): readonly MaskedColumn[] {
  const hasOthers = keyring.versions.some(({ state }) => state !== "primary" && state !== "pending");
  if (!hasOthers) return [];
  return maskedOf(columns).filter(({ mask, keyVersion }) => {
    const operator = OPERATORS[mask];
    return operator.needsKey && operator.tokenLetter === null && keyVersion === null;
  });
}

/** @throws PiipeError `keys.missing`, naming every column that must name its version */
export function requireKeyVersions(columns: readonly Column[], keyring: Keyring): void {
  const unsaid = columnsWithoutVersion(columns, keyring);
  if (unsaid.length === 0) return;
  throw new PiipeError("keys.missing", `the keyring has several versions, and ${describeWithoutVersion(unsaid)}`, {
    hint: keyVersionHint(keyring),
  });
}

/** Follows a subject, and says what is wrong with `columnsWithoutVersion`. */
export function describeWithoutVersion(columns: readonly MaskedColumn[]): string {
  const masks = [...new Set(columns.map(({ mask }) => mask))].join(", ");
  const names = columns.map(({ name }) => name).join(", ");
  return columns.length === 1
    ? `column ${names} does not say which makes its tokens: those of ${masks} do not show it`
    : `the columns ${names} do not say which makes their tokens: those of ${masks} do not show it`;
}

/** What to write into `columnsWithoutVersion`. They could not be used with a second version: the first made their tokens. */
function keyVersionHint(keyring: Keyring): string {
  const first = firstUsedVersion(keyring);
  const { primary } = keyring;
  const forNew =
    primary === null || primary.version === first
      ? ""
      : `, or \`keyVersion: ${primary.version}\` where a column is new`;
  return `Write the version that made the stored ones: \`keyVersion: ${first}\`${forNew}. Rotating them would lose the duplicates (docs/masking.md).`;
}

/** The number of the oldest version that ever made tokens; one that is pending has made none. */
export function firstUsedVersion({ versions }: Keyring): number {
  const used = versions.filter(({ state }) => state !== "pending");
  return Math.min(...(used.length === 0 ? versions : used).map(({ version }) => version));
}

function pinnedVersion(column: MaskedColumn, number: number, keyring: Keyring): KeyVersion {
  const version = keyring.find(number);
  if (version?.isLive === true) return version;
  throw new PiipeError(
    "keys.missing",
    `column ${column.name} has \`keyVersion: ${number}\`, and that version of the keyring is ${version?.state ?? "not there"}`,
    {
      hint:
        version?.state === "pending"
          ? "Promote it first with `piipe keys promote`."
          : "Restore the keyring from a backup that has the version, or name another version for a new column.",
    },
  );
}
