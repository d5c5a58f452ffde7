import type { Config, TableConfig } from "../config/config.ts";
import { compileDecoder } from "../decode/compile-decoder.ts";
import { compileUnwrap } from "../decode/unwrap-body.ts";
import type { Column, PathStep, UnwrapStep, ValuePlace } from "../pipeline/contracts.ts";
import { placesOf } from "../pipeline/value-places.ts";
import { columnOf } from "./column-of.ts";
import { deliveryOf } from "./parse-events.ts";

/** What has a row each in a table, as events of their own. */
export interface TableEvents {
  /** Raw: never shown. */
  readonly bodies: readonly string[];
  /** Messages that a run would refuse whatever the columns are. */
  readonly unreadable: number;
  /** How they are read: what was taken out of its wrapping has none any more. */
  readonly source: Config["source"];
  /** The table's columns that are read from them, and not from what surrounds them. */
  readonly columns: readonly Column[];
  /** Fields that the configuration looks at beside those columns. */
  readonly taken: readonly (readonly PathStep[])[];
}

const WHOLE: Column = columnOf({ name: "whole", from: ".", type: "json", mask: null, nullable: true });

/** The events that a table takes, or those of their elements that have rows in it. */
export function tableEvents(
  messages: readonly string[],
  config: Pick<Config, "source" | "tables">,
  table: TableConfig,
): TableEvents {
  const { bodies, source } = byLine(messages, config.source);
  const isOfElements = table.each !== null || source.each !== null;
  const columns = table.columns.filter(({ origin }) => placesOf(origin).every(isWithin));
  const taken = takenOf(config.tables, table);
  if (!isOfElements && table.when.length === 0) return { bodies, unreadable: 0, source, columns, taken };
  const decode = compileDecoder(
    [{ columns: isOfElements ? [WHOLE] : [], when: table.when, each: table.each, bounds: new Map() }],
    { unknownFields: "ignore", unmatched: "drop", unwrap: source.unwrap, each: source.each },
  );
  let unreadable = 0;
  const texts = bodies.flatMap((body) => {
    const decoded = decode(deliveryOf(body));
    if (!decoded.ok) {
      unreadable += 1;
      return [];
    }
    const { rows } = decoded.value;
    if (isOfElements) return rows.flatMap(({ values: [text] }) => (isObject(text) ? [text] : []));
    return rows.length === 0 ? [] : unwrapped(body, source.unwrap);
  });
  return { bodies: texts, unreadable, source: { ...source, unwrap: [], each: null }, columns, taken };
}

/** A body with an event on each line is taken for so many bodies. */
function byLine(bodies: readonly string[], source: Config["source"]): Pick<TableEvents, "bodies" | "source"> {
  if (!source.unwrap.includes("lines")) return { bodies, source };
  const texts = bodies.flatMap((body) => unwrapped(body, source.unwrap));
  const lines = texts.flatMap((text) => text.split("\n").filter((line) => line.trim() !== ""));
  return { bodies: lines, source: { ...source, unwrap: [] } };
}

function unwrapped(body: string, steps: readonly UnwrapStep[]): readonly string[] {
  const text = compileUnwrap(steps, [])(deliveryOf(body));
  return text.ok ? [text.value.body] : [];
}

const isWithin = (place: ValuePlace): boolean =>
  place.kind === "field" ? (place.up ?? 0) === 0 : place.kind !== "metadata" || place.name !== "index";

/** Of an array of scalars no element has fields. */
const isObject = (text: unknown): text is string => typeof text === "string" && text.trimStart().startsWith("{");

/**
 * What `when` asks of; the arrays whose elements have rows elsewhere, and what these take of the event around them; and what
 * another table takes of the same events.
 */
function takenOf(tables: readonly TableConfig[], table: TableConfig): readonly (readonly PathStep[])[] {
  const others = tables.filter((other) => other !== table && isSame(other.when, table.when));
  const level = table.each?.path.length ?? 0;
  return [
    ...(level === 0 ? table.when.flatMap(({ place }) => (place.kind === "field" ? [place.path] : [])) : []),
    ...others.flatMap(({ each, columns }) => {
      const up = (each?.path.length ?? 0) - level;
      const isAround = level === 0 && up > 0;
      if (!isAround && !isSame(each, table.each)) return [];
      const array = isAround ? [each?.path[0] ?? []] : [];
      return [...array, ...columns.flatMap(({ origin }) => placesOf(origin).flatMap((place) => pathOf(place, up)))];
    }),
  ];
}

const pathOf = (place: ValuePlace, up: number): readonly (readonly PathStep[])[] =>
  place.kind === "field" && (place.up ?? 0) === up ? [place.path] : [];

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
