import type { ColumnBounds, Condition, Each, RawRow, Target } from "../pipeline/contracts.ts";
import { createElementLookup, createLookup, type JsonObject, MISTYPED, valueAt } from "./create-lookup.ts";
import { type Element, wholeBody } from "./element.ts";
import { BARRED_PATH, jsonTypeOf } from "./expectation.ts";
import { ROWS_CHARS_MAX, ROWS_MAX } from "./limits.ts";
import { refuse, type Refused } from "./refuse.ts";
import { compileRowReader, type Message, type ReadRow } from "./row-reader.ts";
import type { Start } from "./value-access.ts";

/** A table's part of the configuration, and what its real columns hold, by their names. */
export interface DecodedTarget extends Target {
  readonly bounds: ReadonlyMap<string, ColumnBounds>;
}

/** What was read of a message so far. */
export class Rows {
  readonly list: RawRow[] = [];
  /** Of the texts in the rows. */
  chars = 0;
  /** Of events that are elements: fields at their top that no column declares. null: none. */
  unknownFields: string[] | null = null;
}

/** Adds the rows of one event. null: it has them all. `start` is the event, or an `Element` with it. */
export type AddRows = (start: JsonObject, message: Message, rows: Rows) => Refused | null;

export interface EventRows {
  readonly add: AddRows;
  readonly looksAtText: boolean;
}

/**
 * Prepares which tables take an event, and which rows each of them gets. Their number and texts are bounded: what lies above
 * an element is repeated for each.
 * @param begins where events are: `event`, or `element` where they are elements of an array themselves
 */
export function compileEventRows(
  targets: readonly DecodedTarget[],
  { begins, refusesUnmatched }: { readonly begins: Start; readonly refusesUnmatched: boolean },
): EventRows {
  const compiled = targets.map((target, table) => {
    const start = target.each === null ? begins : "element";
    const { read, looksAtText } = compileRowReader(target.columns, { table, bounds: target.bounds, start });
    return {
      takes: compileWhen(target.when, begins),
      add: target.each === null ? rowAdder(read) : elementAdder(target.each, read, begins),
      looksAtText,
    };
  });
  return {
    looksAtText: compiled.some(({ looksAtText }) => looksAtText),
    add(start, message, rows) {
      let isTaken = false;
      for (const { takes, add } of compiled) {
        if (takes !== null && !takes(start, message)) continue;
        isTaken = true;
        const refused = add(start, message, rows);
        if (refused !== null) return refused;
      }
      return isTaken || !refusesUnmatched ? null : refuse("event.unmatched", null);
    },
  };
}

type Takes = (start: JsonObject, message: Message) => boolean;

/** null: every event. */
function compileWhen(when: readonly Condition[], begins: Start): Takes | null {
  const [first, ...others] = when.map((condition) => compileCondition(condition, begins));
  if (first === undefined) return null;
  return (start, message) => first(start, message) && others.every((takes) => takes(start, message));
}

function compileCondition({ place, test }: Condition, begins: Start): Takes {
  const lookup = begins === "event" ? createLookup(place, "text") : createElementLookup(place, "text");
  if (test.kind === "equals") {
    const values = new Set<unknown>(test.values);
    return (start, { delivery, parsed }) => values.has(lookup(start, delivery, parsed));
  }
  return (start, { delivery, parsed }) => {
    const value = lookup(start, delivery, parsed);
    return (value !== undefined && value !== null && value !== MISTYPED) === test.isPresent;
  };
}

function rowAdder(read: ReadRow): AddRows {
  return (start, message, rows) => read(start, message, rows.list) ?? boundRows(rows);
}

function elementAdder(each: Each, read: ReadRow, begins: Start): AddRows {
  const addOne: AddRows = rowAdder(read);
  const visit = compileElements(each, addOne);
  if (begins === "element") return (start, message, rows) => visit(start as Element, message, rows);
  return (event, message, rows) => visit(wholeBody(event), message, rows);
}

/** Prepares the way to the elements, each of which is given to `add` in turn. */
export function compileElements(
  { path: levels, from }: Each,
  add: AddRows,
): (start: Element, message: Message, rows: Rows) => Refused | null {
  const visit = (start: Element, level: number, message: Message, rows: Rows): Refused | null => {
    const path = levels[level];
    if (path === undefined) return add(start, message, rows);
    const array = valueAt(start.value, path);
    // What is not there has no elements.
    if (array === undefined || array === null) return null;
    if (array === MISTYPED) return refuse("field.type", from, BARRED_PATH);
    if (!Array.isArray(array)) return refuse("field.type", from, `expected an array, found ${jsonTypeOf(array)}`);
    for (const [index, value] of (array as readonly unknown[]).entries()) {
      const element: Element = { value, index, path: [...start.path, ...path, index], parent: start };
      const refused = visit(element, level + 1, message, rows);
      if (refused !== null) return refused;
    }
    return null;
  };
  return (start, message, rows) => visit(start, 0, message, rows);
}

/** After each row. */
function boundRows(rows: Rows): Refused | null {
  if (rows.list.length > ROWS_MAX) return refuse("body.too-many-rows", null);
  for (const value of rows.list.at(-1)?.values ?? []) if (typeof value === "string") rows.chars += value.length;
  return rows.chars > ROWS_CHARS_MAX ? refuse("body.too-costly", null) : null;
}
