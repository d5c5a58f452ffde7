import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { BODY_BYTES_MAX } from "../decode/limits.ts";
import { compileFindPointer } from "../decode/unwrap-body.ts";
import type { Delivery, Source } from "../pipeline/contracts.ts";
import type { LastGiven, PointerSourceOptions } from "../sources/s3/pointer-source.ts";
import type { S3Client, S3ClientOptions } from "../sources/s3/s3-client.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import type { Emit } from "../telemetry/events.ts";
import { GIVE_UP_AFTER_MS, type SourceOptions } from "./open-source.ts";

const usesObjects = ({ source }: Config): boolean => source.unwrap.includes("s3");

type ObjectOptions = SourceOptions & { readonly isDryRun?: boolean };

/**
 * The source with the objects that its messages point to, where the configuration has the step `s3`; else the source itself,
 * and nothing of S3 is loaded or asked.
 * @param source is closed with it
 * @throws {PiipeError} as `openS3Client` does
 */
export async function withObjects(config: Config, source: Source, options: ObjectOptions): Promise<Source> {
  if (!usesObjects(config)) return source;
  const { emit, stop, credentials } = options;
  const objects = await openObjects(config, credentials, { clock: systemClock, emit, signal: stop });
  return pointerSource(config, source, options, { objects });
}

/** Puts objects into the deliveries of sources that come and go. */
export interface SharedObjects {
  /** As `withObjects`; `emit` is the source's. */
  readonly over: (source: Source, emit: Emit) => Promise<Source>;
  /** Safe twice. */
  readonly close: () => Promise<void>;
}

/** As `withObjects`, for several sources: they share the connections, and what S3 shows of itself. */
export async function shareObjects(config: Config, options: ObjectOptions): Promise<SharedObjects> {
  if (!usesObjects(config)) return { over: (source) => Promise.resolve(source), close: () => Promise.resolve() };
  const { emit, stop, credentials } = options;
  const objects = await openObjects(config, credentials, { clock: systemClock, emit, signal: stop });
  const ofOne = {
    fetch: objects.fetch.bind(objects),
    delete: objects.delete.bind(objects),
    close: () => Promise.resolve(),
  };
  const given: LastGiven = { atMs: Number.NEGATIVE_INFINITY };
  return {
    over: (source, emitOfSource) =>
      pointerSource(config, source, { ...options, emit: emitOfSource }, { objects: ofOne, given }),
    close: () => objects.close(),
  };
}

async function pointerSource(
  config: Config,
  source: Source,
  { emit, untilEmpty, isDryRun = false }: ObjectOptions,
  shared: Pick<PointerSourceOptions, "objects" | "given">,
): Promise<Source> {
  const { PointerSource } = await import("../sources/s3/pointer-source.ts");
  return new PointerSource({
    source,
    ...shared,
    findPointer: compileFindPointer(config.source.unwrap),
    bytesMax: BODY_BYTES_MAX,
    deletesObjects: config.source.s3.deleteObject && !isDryRun,
    giveUpAfterMs: untilEmpty ? GIVE_UP_AFTER_MS : null,
    clock: systemClock,
    emit,
  });
}

async function openObjects(
  config: Config,
  credentials: StaticCredentials | null,
  options: S3ClientOptions,
): Promise<S3Client> {
  const { openS3Client } = await import("../sources/s3/s3-client.ts");
  const { queue, region } = config.source.sqs;
  return openS3Client({ queue, region, endpoint: config.source.s3.endpoint, credentials }, options);
}

/** Where objects would be asked for. @throws {PiipeError} when nothing answers there */
export async function reachObjects(config: Config, signal: AbortSignal): Promise<URL> {
  const objects = await openObjects(config, null, { clock: systemClock, emit: () => {}, signal });
  try {
    await objects.reach(signal);
    return objects.endpoint;
  } finally {
    await objects.close();
  }
}

/** Fetches the object of a delivery that was opened with its pointer still in it. */
export interface LateFetch {
  /** @throws {PiipeError} when S3 fails, and not for the sake of the object */
  readonly fetch: (delivery: Delivery, abort: AbortSignal) => Promise<Delivery>;
  /** Safe twice. */
  readonly close: () => Promise<void>;
}

/** For a replay; null: the configuration has no step `s3`. S3 is asked for nothing before the first pointer. */
export function openLateFetch(config: Config): LateFetch | null {
  if (!usesObjects(config)) return null;
  const findPointer = compileFindPointer(config.source.unwrap);
  let opening: Promise<S3Client> | null = null;
  return {
    fetch: async (delivery, abort) => {
      const pointing = findPointer(delivery.body);
      if (pointing === null) return delivery;
      const { fetchWhole } = await import("../sources/s3/fetched-delivery.ts");
      opening ??= openObjects(config, null, { clock: systemClock, emit: () => {}, signal: abort });
      return fetchWhole(await opening, delivery, pointing, { bytesMax: BODY_BYTES_MAX, abort });
    },
    close: async () => {
      await (await opening?.catch(() => null))?.close();
    },
  };
}
