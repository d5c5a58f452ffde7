import type { Config } from "../config/config.ts";
import type { Keyring } from "../keys/keyring.ts";
import { loadKeyring } from "../keys/load-keyring.ts";
import { createSeal } from "../keys/seal.ts";
import { compileMask } from "../mask/compile-mask.ts";
import type { Mask, Seal } from "../pipeline/contracts.ts";

/** @throws {PiipeError} `keys.*` when a mask needs a key that is not there: never an unkeyed fallback */
export async function openMask(
  config: Config,
  keysJson: string | undefined,
): Promise<{ readonly keyring: Keyring | null; readonly seal: Seal | null; readonly mask: Mask }> {
  const keyring = await loadKeyring({ file: config.keys.file, environment: keysJson });
  const publicKey = keyring?.sealingPublicKey ?? null;
  const seal = publicKey === null ? null : createSeal(publicKey);
  const { columns, dedupeBy, keys } = config;
  return { keyring, seal, mask: compileMask(columns, { keyring, domain: keys.domain, seal, dedupeBy }) };
}
