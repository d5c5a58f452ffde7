import type { Delivery, Settlement } from "../../src/pipeline/contracts.ts";
import type { OpenSqsSourceOptions } from "../../src/sources/sqs/open-sqs-source.ts";
import type { SqsSource } from "../../src/sources/sqs/sqs-source.ts";

const NEVER = new AbortController().signal;

/** Of a source on a local server: everything but where it is, and what a test looks at. */
export function localSource(
  given: Pick<OpenSqsSourceOptions, "queue" | "region" | "endpoint" | "clock" | "emit"> & Partial<OpenSqsSourceOptions>,
): OpenSqsSourceOptions {
  return {
    visibilityTimeoutSeconds: null,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    attributeNames: [],
    waitSeconds: 1,
    giveUpAfterMs: null,
    signal: NEVER,
    ...given,
  };
}

/** Receives until there are so many; the test's own limit ends it. */
export async function receiveAll(from: SqsSource, count: number): Promise<Delivery[]> {
  const all: Delivery[] = [];
  while (all.length < count) all.push(...(await from.receive(count - all.length, NEVER)));
  return all;
}

export function settledWith(deliveries: readonly Delivery[], kind: "delete" | "release"): Map<Delivery, Settlement> {
  const settlement: Settlement = kind === "delete" ? { kind } : { kind, delaySeconds: 0 };
  return new Map(deliveries.map((delivery) => [delivery, settlement]));
}
