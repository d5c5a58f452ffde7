import { PiipeError } from "../errors.ts";
import type { Clock } from "../pipeline/contracts.ts";
import { noteKeys } from "../storage/rotation/key-checks.ts";
import { openKeyring } from "./open-keyring.ts";
import { columnKeysOf, compileKeys, type Keys, sealKeyMissing } from "./open-mask.ts";
import { openTables } from "./open-tables.ts";
import type { Prepared } from "./prepare.ts";

/** As often as a worker reports which keys it has. */
const LOOK_EVERY_MS = 5_000;

export interface KeepKeyringOptions {
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** A keyring without a key to seal with is refused. */
  readonly needsSeal: boolean;
  /** Takes the keys for all events from now on. */
  readonly adopt: (keys: Keys) => void;
}

/**
 * Reads a keyring's file anew every few seconds, until `stop` fires. One that has changed goes through what a start asks of a
 * keyring; where that fails the keys of before stay, which is told once for each reason. Never throws: events are masked
 * all the same.
 */
export async function keepKeyring(
  prepared: Prepared,
  { clock, stop, needsSeal, adopt }: KeepKeyringOptions,
): Promise<void> {
  const { config, pool, keysJson, emit } = prepared;
  if (config.keys.file === null) return;
  let told: string | null = null;
  while (!stop.aborted) {
    await clock.sleep(LOOK_EVERY_MS, stop);
    if (stop.aborted) return;
    try {
      const keyring = await openKeyring(config, keysJson);
      // Read before anything else is asked: most looks end here.
      if (keyring === null || prepared.keys.keyring?.equals(keyring) === true) {
        told = null;
        continue;
      }
      const keys = compileKeys(config, keyring);
      if (needsSeal && keys.seal === null) throw sealKeyMissing();
      await openTables(config, keyring, pool);
      await noteKeys(pool, columnKeysOf(config, keyring));
      adopt(keys);
      emit({ type: "keyring.changed", primary: keyring.primary?.version ?? null });
      told = null;
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      if (error.message !== told) emit({ type: "keyring.refused", code: error.code, message: error.message });
      told = error.message;
    }
  }
}
