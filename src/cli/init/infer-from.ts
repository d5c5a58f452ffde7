import { showConfigured } from "../../app/configured-tables.ts";
import { findEchoes } from "../../app/find-echoes.ts";
import type { IntrospectedTable } from "../../app/introspect-table.ts";
import type { Config } from "../../config/config.ts";
import { PiipeError } from "../../errors.ts";
import { collectFields, type Field } from "../../init/collect-fields.ts";
import { columnOf, type InferredColumn } from "../../init/column-of.ts";
import { proposeConflict } from "../../init/conflict-proposal.ts";
import { countPointers, findWrapping } from "../../init/find-wrapping.ts";
import { FIELDS_MAX, type Inference, inferColumns } from "../../init/infer-columns.ts";
import { mainKindOf } from "../../init/main-kind.ts";
import { maskEchoes } from "../../init/mask-echoes.ts";
import { wholesOf } from "../../init/match-columns.ts";
import { parseEvents } from "../../init/parse-events.ts";
import { shareKeys } from "../../init/share-keys.ts";
import type { Column, UnwrapStep } from "../../pipeline/contracts.ts";
import { counted } from "../output.ts";

export interface Inferred {
  readonly inference: Inference;
  readonly unwrap: readonly UnwrapStep[];
  readonly events: EventCounts;
}

export interface EventCounts {
  readonly looked: number;
  /** Of the main kind. */
  readonly used: number;
  readonly otherKinds: number;
  readonly unreadable: number;
}

/**
 * The columns that message bodies suggest, and what the events are wrapped in.
 * @param draft what is known of the configuration before any column is
 * @throws {PiipeError} `sample.invalid` when the events tell no column
 */
export function inferFrom(bodies: readonly string[], draft: Config, table: IntrospectedTable | null): Inferred {
  requireFetched(bodies);
  const unwrap = findWrapping(bodies);
  const { fields, events, collected } = fieldsFrom(bodies, unwrap, table);
  const inferred = inferColumns(collected, table);
  const settled = withoutEchoes(inferred, { bodies, source: { ...draft.source, unwrap }, fields, table });
  const conflict = proposeConflict(settled.columns, table);
  const inference = conflict === null ? settled : { ...settled, conflict };
  if (inference.columns.some(({ from }) => !from.startsWith("@"))) return { inference, unwrap, events };
  if (table === null || events.used === 0) {
    throw new PiipeError(
      "sample.invalid",
      `${counted(bodies.length - events.unreadable, "event")} have no field in common that a column can be made of`,
      { hint: "A pipeline is for events of one kind. Give some of that kind with --sample." },
    );
  }
  throw new PiipeError(
    "sample.invalid",
    `no field of the events can go into a column of the table ${showConfigured(draft)}`,
    {
      hint: "Is it the right table? Name another with --table; one that does not exist gets the columns of the events.",
    },
  );
}

/** @throws {PiipeError} `sample.invalid` when the events are in S3 */
export function requireFetched(bodies: readonly string[]): void {
  const pointers = countPointers(bodies);
  if (pointers === 0 || pointers * 2 < bodies.length) return;
  throw new PiipeError(
    "sample.invalid",
    `${pointers} of ${counted(bodies.length, "message is a pointer to an object in S3", "messages are pointers to objects in S3")}`,
    {
      hint: "A run fetches them with `source.unwrap: s3`; `piipe init` does not: give some of the objects' texts with --sample.",
    },
  );
}

/** @throws {PiipeError} `sample.invalid` when there is no event */
export function fieldsFrom(bodies: readonly string[], unwrap: readonly UnwrapStep[], table: IntrospectedTable | null) {
  const { events, unreadable } = parseEvents(bodies, unwrap);
  if (events.length === 0) {
    const what =
      bodies.length === 0 ? "there is no event" : `none of ${counted(bodies.length, "event")} is a JSON object`;
    throw new PiipeError("sample.invalid", what, {
      hint: "piipe lands events that are JSON objects. Is it the right queue, or the right file?",
    });
  }
  const main = mainKindOf(events);
  const collected = collectFields(
    main.events,
    table === null ? { fieldsMax: FIELDS_MAX } : { isWhole: wholesOf(table.columns) },
  );
  const counts: EventCounts = {
    looked: bodies.length,
    used: main.events.length,
    otherKinds: main.others,
    unreadable,
  };
  return { fields: collected.fields, collected, events: counts };
}

interface Looked {
  readonly bodies: readonly string[];
  readonly source: Config["source"];
  readonly fields: readonly Field[];
  readonly table: IntrospectedTable | null;
  /** Columns of the configuration that stay as they are. */
  readonly existing?: readonly Column[];
}

/**
 * Until no column stores the value of a masked one: each look masks more of them, or leaves them out. Then it is known what is
 * masked, and so what shares a key.
 */
export function withoutEchoes(
  inferred: Inference,
  { bodies, source, fields, table, existing = [] }: Looked,
): Inference {
  let inference = inferred;
  /** Columns that were looked at as they still are: what is left of their echoes is said. */
  let settled: readonly InferredColumn[] = [];
  for (;;) {
    const columns = [...existing, ...inference.columns.map(columnOf)];
    const echoes = findEchoes(bodies, source, columns, table?.boundsOf(columns) ?? new Map());
    const open = inference.columns.filter(
      (column) => echoes.has(column.from) && column.mask === null && !settled.includes(column),
    );
    if (open.length === 0) return { ...inference, columns: shareKeys(inference.columns, fields) };
    const found = new Map(open.map(({ from }) => [from, echoes.get(from) ?? 0]));
    inference = maskEchoes(inference, found, fields, table);
    settled = [
      ...settled,
      ...inference.columns.filter(({ from, mask, masks }) =>
        open.some((column) => column.from === from && mask === null && column.masks === masks),
      ),
    ];
  }
}
