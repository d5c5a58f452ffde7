import { pathsMeet } from "../config/inner-path.ts";
import type { InnerStep } from "../pipeline/contracts.ts";
import { isObject, type JsonObject, keysOf, kindOfKeys } from "./collect-fields.ts";
import { isPlainName } from "./plain-name.ts";

/** A place inside of JSON values with the single values that were found there. */
export interface InnerField {
  readonly path: readonly InnerStep[];
  /** Neither missing nor null. Raw: never shown. */
  readonly values: readonly unknown[];
  /** What lists of keys and values call them (`{ "key": "ga_session_id", "value": … }`). */
  readonly names: readonly string[];
}

export interface InnerFields {
  readonly fields: readonly InnerField[];
  /** Some object has keys that are data: no path leads to what they hold. */
  readonly hasDataKeys: boolean;
  /** Whether a mask on the way to the field would meet something else at times, of which a run refuses the event. */
  readonly isBarred: (field: InnerField) => boolean;
}

/** More places than anybody reads, or masks. */
const PLACES_MAX = 200;
/** Where a list of keys and values has the key. */
const NAMING: readonly string[] = ["key", "name"];

interface Found {
  readonly path: readonly InnerStep[];
  readonly values: unknown[];
  readonly names: Set<string>;
}

/** What is inside of the values of one field, in the order of its first appearance. */
export function collectInner(values: readonly unknown[]): InnerFields {
  const found = new Map<string, Found>();
  const objects = new Map<string, JsonObject[]>();
  const arrays = new Set<string>();
  for (const value of values) visit(value, [], null);
  const hasDataKeys = [...objects.values()].some((each) => kindOfKeys(each, keysOf(each)) === "data");
  const fields = [...found.values()].map(({ path, values: inner, names }) => ({
    path,
    values: inner,
    names: [...names],
  }));
  return {
    fields,
    hasDataKeys: hasDataKeys || found.size > PLACES_MAX,
    isBarred: (field) =>
      isHolder(field.path) ||
      field.path.some((step, at) => isOther(step, field.path.slice(0, at))) ||
      fields.some((other) => other !== field && pathsMeet(field.path, other.path)),
  };

  function isHolder(path: readonly InnerStep[]): boolean {
    return objects.has(JSON.stringify(path)) || arrays.has(JSON.stringify(path));
  }

  /** An empty one has no fields of its own. */
  function isOther(step: InnerStep, before: readonly InnerStep[]): boolean {
    const key = JSON.stringify(before);
    return step === null ? objects.has(key) : arrays.has(key);
  }

  /** Recursion is safe: the depth was bounded before parsing. */
  function visit(value: unknown, path: readonly InnerStep[], name: string | null): void {
    if (value === null) return;
    const key = JSON.stringify(path);
    if (Array.isArray(value)) {
      arrays.add(key);
      for (const item of value as readonly unknown[]) visit(item, [...path, null], name);
    } else if (isObject(value)) {
      const known = objects.get(key);
      if (known === undefined) objects.set(key, [value]);
      else known.push(value);
      const own = nameIn(value);
      for (const [inner, item] of Object.entries(value)) {
        visit(item, [...path, inner], NAMING.includes(inner) ? null : (own ?? name));
      }
    } else {
      let field = found.get(key);
      if (field === undefined) found.set(key, (field = { path, values: [], names: new Set() }));
      field.values.push(value);
      if (name !== null) field.names.add(name);
    }
  }
}

/** Only what programs name things: a person's name, or a title, is none. */
function nameIn(object: JsonObject): string | null {
  const [name] = NAMING.flatMap((key) => (Object.hasOwn(object, key) ? [object[key]] : []));
  return typeof name === "string" && isPlainName(name) ? name : null;
}
