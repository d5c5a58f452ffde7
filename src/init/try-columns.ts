import type { Config } from "../config/config.ts";
import type { ColumnBounds, Rejection } from "../pipeline/contracts.ts";
import { compileDecoder } from "../pipeline/decode/compile-decoder.ts";
import { deliveryOf } from "./parse-events.ts";

/** What a run would make of the events. */
export interface Trial {
  readonly fitting: number;
  /** The most frequent first. */
  readonly refusals: ReadonlyArray<Rejection & { readonly count: number }>;
}

/** Decodes the bodies into the columns as a run would. */
export function tryColumns(
  bodies: readonly string[],
  { columns, unknownFields }: Config,
  bounds: ReadonlyMap<string, ColumnBounds>,
): Trial {
  const decode = compileDecoder(columns, bounds, { unknownFields });
  const refusals = new Map<string, Rejection & { count: number }>();
  let fitting = 0;
  for (const body of bodies) {
    const decoded = decode(deliveryOf(body));
    if (decoded.ok) {
      fitting += 1;
      continue;
    }
    const { code, path } = decoded.error;
    const known = refusals.get(`${code} ${path}`);
    if (known === undefined) refusals.set(`${code} ${path}`, { code, path, count: 1 });
    else known.count += 1;
  }
  return { fitting, refusals: [...refusals.values()].sort((one, other) => other.count - one.count) };
}
