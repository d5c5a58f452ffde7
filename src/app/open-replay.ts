import type { Config } from "../config/config.ts";
import { compileDecoder } from "../decode/compile-decoder.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import { openSealed } from "../keys/seal.ts";
import type { Open } from "../pipeline/contracts.ts";
import type { ReplayStages } from "../pipeline/replay.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import type { QuarantinedQueue } from "../storage/quarantine/quarantine.ts";
import { noteKeys } from "../storage/rotation/key-checks.ts";
import { PostgresSink } from "../write/postgres-sink.ts";
import { columnKeysOf, openMask } from "./open-mask.ts";
import { decoderOptionsOf, openTables, targetsOf } from "./open-tables.ts";
import { requireSavepoints } from "./prepare.ts";
import { requireReplayRights } from "./require-own-rights.ts";
import { openLateFetch } from "./with-objects.ts";

/** What refused events go through again. */
export type SecondWay = Pick<ReplayStages, "open" | "fetch" | "decode" | "mask" | "sink" | "isDryRun">;

export interface OpenedReplay {
  readonly stagesOf: (queue: QuarantinedQueue) => SecondWay;
  /** Safe twice. */
  readonly close: () => Promise<void>;
}

/**
 * Checks everything that a replay needs, as `openPipeline` does for a run. Asks no queue; S3 only for objects that
 * events still point to. Gives the stages for the events of a queue. A dry run needs the same rights, as it writes and rolls
 * back. The pool stays the caller's.
 * @throws {PiipeError} what is missing or wrong, before anything was opened
 */
export async function openReplay(
  config: Config,
  pool: PostgresPool,
  options: { readonly keysJson: string | undefined; readonly privateKey: PrivateKey; readonly isDryRun: boolean },
): Promise<OpenedReplay> {
  const { privateKey, isDryRun } = options;
  if (isDryRun) requireSavepoints(await pool.dialect());
  const { keyring, mask } = await openMask(config, options.keysJson);
  const written = await openTables(config, keyring, pool);
  await requireReplayRights(config, pool);
  if (!isDryRun) await noteKeys(pool, columnKeysOf(config, keyring));
  const decode = compileDecoder(targetsOf(config, written), decoderOptionsOf(config));
  const open: Open = (...sealedAndBound) => openSealed(privateKey, ...sealedAndBound);
  const late = openLateFetch(config);
  return {
    stagesOf: ({ arn }) => ({
      open,
      ...(late !== null && { fetch: late.fetch }),
      decode,
      mask,
      sink: new PostgresSink({ pool, written, sourceName: arn, claim: "quarantine", isTrial: isDryRun }),
      isDryRun,
    }),
    close: async () => late?.close(),
  };
}
