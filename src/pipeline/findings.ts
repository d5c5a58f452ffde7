import type { TelemetryEvent } from "../telemetry/events.ts";
import type { MaskedRecord, RawRecord, Suspicion } from "./contracts.ts";

/** Names beyond this many are not told apart: a producer that uses ids as keys must not fill the memory. */
const NAMES_MAX = 1_000;

/**
 * Field names that no column declares, over a whole run. They are counted and never told: a key of an event may itself be
 * personal data.
 */
export class NewFields {
  readonly #names = new Set<string>();

  /** Returns true when the name is new. */
  add(name: string): boolean {
    if (this.#names.size >= NAMES_MAX || this.#names.has(name)) return false;
    this.#names.add(name);
    return true;
  }

  get count(): number {
    return this.#names.size;
  }
}

/** What is worth telling about the events of one receipt, gathered into one telemetry event of each kind. */
export class ReceiptFindings {
  #withUnknownFields: RawRecord[] | null = null;
  #suspicions: Suspicion[] | null = null;

  add(record: RawRecord, { suspicions }: MaskedRecord): void {
    if (record.unknownFields.length > 0) (this.#withUnknownFields ??= []).push(record);
    if (suspicions.length > 0) (this.#suspicions ??= []).push(...suspicions);
  }

  *events(newFields: NewFields): Generator<TelemetryEvent> {
    if (this.#withUnknownFields !== null) {
      let fieldsAdded = 0;
      for (const { unknownFields } of this.#withUnknownFields) {
        for (const name of unknownFields) if (newFields.add(name)) fieldsAdded += 1;
      }
      yield { type: "fields.unknown", events: this.#withUnknownFields.length, fieldsAdded, fields: newFields.count };
    }
    if (this.#suspicions === null) return;
    const counts = new Map<string, { readonly suspicion: Suspicion; values: number }>();
    for (const suspicion of this.#suspicions) {
      const key = `${suspicion.detector} ${suspicion.column}`;
      const known = counts.get(key);
      if (known) known.values += 1;
      else counts.set(key, { suspicion, values: 1 });
    }
    for (const { suspicion, values } of counts.values()) {
      yield { type: "leak.suspected", column: suspicion.column, detector: suspicion.detector, values };
    }
  }
}
