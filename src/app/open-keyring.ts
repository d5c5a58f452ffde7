import { readSecret } from "../aws/read-secret.ts";
import type { Config } from "../config/config.ts";
import { loadKeyring } from "../keys/keyring-file.ts";
import type { Keyring } from "../keys/keyring.ts";

/** AWS's library tries three times within seconds. */
const SECRET_TIMEOUT_MS = 30_000;

/**
 * The keyring of a configuration, or null when there is none.
 * @param keysJson its JSON, as `PIIPE_KEYS` holds it
 * @throws {PiipeError} `keys.*`, or `secrets.*` when it is a secret
 */
export async function openKeyring({ keys }: Config, keysJson: string | undefined): Promise<Keyring | null> {
  const { file, secret } = keys;
  if (secret === null) return loadKeyring({ file, environment: keysJson });
  const text = await readSecret(secret, "keys.secret", AbortSignal.timeout(SECRET_TIMEOUT_MS));
  return loadKeyring({ file, kept: { text, where: `the secret ${secret}` }, environment: keysJson });
}
