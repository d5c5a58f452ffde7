import type { Config } from "../config/config.ts";
import { tryColumns } from "../init/try-columns.ts";
import { Keyring } from "../keys/keyring.ts";
import { createKeys } from "../keys/new-keyring.ts";
import { compileMask } from "../mask/compile-mask.ts";
import type { Column, ColumnBounds } from "../pipeline/contracts.ts";

/**
 * The events that a run would refuse since a column that is stored as it is holds the value of a masked one: how many, by the
 * `from` of that column. Of several in one event the first is counted. The keys are made for this look alone.
 */
export function findEchoes(
  bodies: readonly string[],
  source: Config["source"],
  columns: readonly Column[],
  bounds: ReadonlyMap<string, ColumnBounds>,
): ReadonlyMap<string, number> {
  const keyring = Keyring.parse(createKeys(new Date()).keyring, "the keys of a look");
  const mask = compileMask([columns.map(unsealed)], { keyring, domain: "look", seal: null });
  const echoes = new Map<string, number>();
  const target = { columns, when: [], each: null, bounds };
  const options = { unknownFields: "ignore", unwrap: source.unwrap } as const;
  for (const { code, path } of tryColumns(bodies, [target], options, mask).refusals) {
    if (code === "leak.echo" && path !== null) echoes.set(path, (echoes.get(path) ?? 0) + 1);
  }
  return echoes;
}

/** No original is kept of a look. */
const unsealed = (column: Column): Column => ({
  ...column,
  reveal: false,
  ...(column.masks && { masks: column.masks.map((mask) => ({ ...mask, reveal: false })) }),
});
