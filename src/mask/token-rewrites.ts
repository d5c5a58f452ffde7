import type { KeyVersion } from "../keys/key-version.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { TokenRewrite } from "../pipeline/contracts.ts";
import { chainOf, keyUse, type MaskedColumn } from "./column-tokens.ts";
import { OPERATORS } from "./operators/operators.ts";
import { allowedForms, DIGEST_FORM, tokenFormOf } from "./token-form.ts";

export interface RewriteKeys {
  readonly keyring: Keyring;
  /** The version whose tokens are to stand in the table. */
  readonly primary: KeyVersion;
  readonly domain: string;
}

const DIGEST = /^[0-9a-f]{64}$/;
const NO_TOKENS: readonly string[] = [];

/** The versions whose stored tokens a rewrap makes anew, from old to new. Pending ones have made none. */
export const rewrappedVersions = (keyring: Keyring): readonly KeyVersion[] =>
  keyring.versions
    .filter((version) => version.state !== "pending" && keyring.rewrapsOf(version.version).length > 0)
    .toSorted((a, b) => a.version - b.version);

/**
 * How stored tokens from before a leak become tokens of the version that is over the leaked one: those of a one-way mask
 * are masked once more, those of a reversible one are opened and made anew. null: the mask cannot, as its tokens do not
 * show which version made them, or it has no key.
 */
export function rewrapOf(
  column: MaskedColumn,
  { keyring, domain }: Pick<RewriteKeys, "keyring" | "domain">,
): TokenRewrite | null {
  const operator = OPERATORS[column.mask];
  if (!operator.needsKey || operator.tokenLetter === null) return null;
  const { chain, reveal, tokenLetter } = operator;
  const token = new RegExp(`^${tokenLetter}([1-9]\\d*)_[\\w-]+$`);
  const rewriters = new Map<string, (token: string) => string | null>();
  for (const version of rewrappedVersions(keyring)) {
    const rewraps = keyring.rewrapsOf(version.version);
    const last = rewraps.at(-1);
    if (chain !== null) rewriters.set(String(version.version), chainOf(chain, operator, column, rewraps, domain));
    // Without its root, what is encrypted stays as it is.
    else if (reveal !== null && last !== undefined && version.state !== "destroyed") {
      const open = reveal(keyUse(operator, column, version, domain));
      const tokenize = operator.create(keyUse(operator, column, last, domain));
      rewriters.set(String(version.version), (stored) => {
        const text = open(stored);
        return text === null ? null : (tokenize(text) ?? null);
      });
    }
  }
  return {
    domain,
    forms: [...rewriters.keys()].flatMap((version) => tokenFormOf(operator, Number(version)) ?? []),
    tokenForms: null,
    rewrite: (stored) => {
      const version = token.exec(stored)?.[1];
      return (version === undefined ? undefined : rewriters.get(version)?.(stored)) ?? null;
    },
    // A link would lead whoever holds the leaked key from the old token to the new one.
    linkedTokens: () => NO_TOKENS,
  };
}

/** The versions below one, from its own base down to the version whose tokens are made over the values. */
function basesOf(version: KeyVersion, keyring: Keyring): readonly KeyVersion[] {
  const base = version.over === null ? null : keyring.find(version.over);
  return base === null ? [] : [base, ...basesOf(base, keyring)];
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
  const tokenizerOf = (version: KeyVersion): ((digest: string) => string) => {
    const lineage = [...basesOf(version, keyring).toReversed(), version, ...keyring.rewrapsOf(version.version)];
    return chainOf(chain, operator, column, lineage, domain);
  };
  const rewrite = tokenizerOf(primary);
  const bases = new Set(basesOf(primary, keyring));
  const others = keyring.live.filter((version) => version !== primary && !bases.has(version)).map(tokenizerOf);
  return {
    domain,
    forms: [DIGEST_FORM],
    tokenForms: allowedForms(column, keyring),
    rewrite: (digest) => (DIGEST.test(digest) ? rewrite(digest) : null),
    linkedTokens:
      others.length === 0 ? () => NO_TOKENS : (digest) => [...new Set(others.map((tokenize) => tokenize(digest)))],
  };
}
