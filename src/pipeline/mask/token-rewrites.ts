import type { KeyVersion } from "../../keys/key-version.ts";
import type { Keyring } from "../../keys/keyring.ts";
import type { TokenRewrite } from "../contracts.ts";
import { keyUse, type MaskedColumn } from "./column-tokens.ts";
import type { KeyedOperator } from "./operators/operator.ts";
import { OPERATORS } from "./operators/operators.ts";
import { DIGEST_FORM, tokenFormOf } from "./token-form.ts";

export interface RewriteKeys {
  readonly keyring: Keyring;
  /** The version whose tokens are to stand in the table. */
  readonly primary: KeyVersion;
  readonly domain: string;
}

const TOKEN = /^[hws]([1-9]\d*)_[\w-]+$/;
const DIGEST = /^[0-9a-f]{64}$/;
const NO_TOKENS: readonly string[] = [];

/** The versions below one, from its own base down to the version whose tokens are made over the values. */
export function basesOf(version: KeyVersion, keyring: Keyring): readonly KeyVersion[] {
  const base = version.over === null ? null : keyring.find(version.over);
  return base === null ? [] : [base, ...basesOf(base, keyring)];
}

/**
 * How stored tokens of the versions that the primary one is over become tokens of the primary one: those of a one-way
 * mask are masked once more, those of a reversible one are opened and made anew. null: the mask cannot, as its tokens do
 * not show which version made them, or it has no key.
 */
export function rewrapOf(column: MaskedColumn, keys: RewriteKeys): TokenRewrite | null {
  const operator = OPERATORS[column.mask];
  if (!operator.needsKey || operator.tokenLetter === null) return null;
  const rewriters = new Map<string, (token: string) => string | null>();
  /** From the primary version downwards. */
  const above: KeyVersion[] = [keys.primary];
  for (const base of basesOf(keys.primary, keys.keyring)) {
    const rewrite = operator.chain
      ? chainOf(operator.chain, operator, column, above.toReversed(), keys.domain)
      : reopenerOf(operator, column, base, keys);
    if (rewrite === null) return null;
    rewriters.set(String(base.version), rewrite);
    above.push(base);
  }
  return {
    forms: [...rewriters.keys()].flatMap((version) => tokenFormOf(operator, Number(version)) ?? []),
    rewrite: (token) => {
      const version = TOKEN.exec(token)?.[1];
      return (version === undefined ? undefined : rewriters.get(version)?.(token)) ?? null;
    },
    // A link would lead whoever holds the leaked key from the old token to the new one.
    linkedTokens: () => NO_TOKENS,
  };
}

/**
 * How bare SHA-256 digests become tokens of `hmac-over-sha256`, the same that new events get. Tokens that other live
 * versions made of the same value may be in the table already, and no event links them: the takeover does.
 * null: the column has another mask.
 */
export function takeoverOf(column: MaskedColumn, { keyring, primary, domain }: RewriteKeys): TokenRewrite | null {
  const operator = OPERATORS[column.mask];
  if (column.mask !== "hmac-over-sha256" || !operator.needsKey || operator.chain === null) return null;
  const { chain } = operator;
  const tokenizerOf = (version: KeyVersion): ((digest: string) => string) =>
    chainOf(chain, operator, column, [version, ...basesOf(version, keyring)].toReversed(), domain);
  const rewrite = tokenizerOf(primary);
  const bases = new Set(basesOf(primary, keyring));
  const others = keyring.live.filter((version) => version !== primary && !bases.has(version)).map(tokenizerOf);
  return {
    forms: [DIGEST_FORM],
    rewrite: (digest) => (DIGEST.test(digest) ? rewrite(digest) : null),
    linkedTokens: others.length === 0 ? () => NO_TOKENS : (digest) => others.map((tokenize) => tokenize(digest)),
  };
}

/** @param versions from the oldest to the newest: each takes the tokens of the one before */
function chainOf(
  chain: NonNullable<KeyedOperator["chain"]>,
  operator: KeyedOperator,
  column: MaskedColumn,
  versions: readonly KeyVersion[],
  domain: string,
): (token: string) => string {
  const steps = versions.map((version) => chain(keyUse(operator, column, version, domain)));
  return (token) => steps.reduce((made, step) => step(made), token);
}

function reopenerOf(
  operator: KeyedOperator,
  column: MaskedColumn,
  base: KeyVersion,
  { primary, domain }: RewriteKeys,
): ((token: string) => string | null) | null {
  if (operator.reveal === null) return null;
  const reveal = operator.reveal(keyUse(operator, column, base, domain));
  const tokenize = operator.create(keyUse(operator, column, primary, domain));
  return (token) => {
    const text = reveal(token);
    return text === null ? null : (tokenize(text) ?? null);
  };
}
