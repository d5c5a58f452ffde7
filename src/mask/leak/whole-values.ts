import type { ColumnType } from "../../pipeline/contracts.ts";
import { normalizeIp } from "../normalize/normalize-ip.ts";
import { type Spellings, versionNumberOf } from "./spellings.ts";

/** A masked value that a column may hold as its whole value. */
export interface WholeValue extends Spellings {
  readonly type: ColumnType;
  readonly raw: string;
  readonly normalized: string;
}

/** A longer text is no single address or time, but may hold one. */
const ONE_VALUE_CHARS_MAX = 64;
const IPV6_CHARS = /^\s*[\da-f:.]+\s*$/i;
const DATE_TIME = /^\s*\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d/;

/**
 * Finds the first of many masked values that is a column's whole value, also of types of which one value has spellings that have
 * little in common. By maps: a message may have thousands of rows, and each of their values is asked for.
 */
export class WholeValues<Value extends WholeValue> {
  readonly #values: readonly Value[];
  /** Of each key the place of its first value. */
  readonly #exact = new Map<string, number>();
  readonly #short = new Map<string, number>();
  readonly #ips = new Map<string, number>();
  readonly #numbers = new Map<number, number>();
  readonly #versions = new Map<number, number>();
  /** Times equal one another in their one form alone, and another text in all that it may say. */
  readonly #times = new Map<string, number>();
  readonly #timesExact = new Map<string, number>();
  readonly #instants = new Map<number, number>();

  constructor(values: readonly Value[]) {
    this.#values = values;
    for (const [at, { type, raw, normalized, mustBeWhole, numbers, texts }] of values.entries()) {
      const isTime = type === "timestamp";
      const exact = isTime ? this.#timesExact : this.#exact;
      note(exact, raw, at);
      note(exact, normalized, at);
      if (mustBeWhole && !isTime) note(this.#short, normalized.toLowerCase(), at);
      if (type === "ip") note(this.#ips, normalized, at);
      if (isTime) {
        note(this.#times, normalized, at);
        const instant = Date.parse(normalized);
        if (!Number.isNaN(instant)) note(this.#instants, instant, at);
      }
      for (const number of numbers) note(this.#numbers, number, at);
      const version = versionNumberOf(texts[0] ?? "");
      if (version !== null) note(this.#versions, version, at);
    }
  }

  ofText(type: ColumnType, text: string): Value | undefined {
    const found = [this.#exact.get(text), (type === "timestamp" ? this.#times : this.#timesExact).get(text)];
    if (text.length <= ONE_VALUE_CHARS_MAX) {
      const trimmed = text.trim();
      found.push(this.#short.get(trimmed.toLowerCase()));
      if (this.#ips.size > 0 && IPV6_CHARS.test(text)) found.push(this.#ips.get(normalizeIp(trimmed) ?? ""));
      if (this.#instants.size > 0 && type !== "timestamp" && DATE_TIME.test(text))
        found.push(this.#instants.get(Date.parse(trimmed)));
    }
    return this.#first(found);
  }

  ofNumber(type: ColumnType, number: number): Value | undefined {
    return this.#first([this.#numbers.get(number), type === "version" ? this.#versions.get(number) : undefined]);
  }

  #first(places: readonly (number | undefined)[]): Value | undefined {
    const at = Math.min(...places.map((place) => place ?? Infinity));
    return this.#values[at];
  }
}

/** Whether a number is the value, or what a column of versions would hold of it. */
export const isOfNumber = ({ numbers, texts }: WholeValue, type: ColumnType, number: number): boolean =>
  numbers.includes(number) || (type === "version" && versionNumberOf(texts[0] ?? "") === number);

function note<Key>(places: Map<Key, number>, key: Key, at: number): void {
  if (!places.has(key)) places.set(key, at);
}
