/** The parts that the schemas of the configuration are made of. Their error texts are as schema.ts says. */
import * as z from "zod";

/** A mapping that knows its keys: for an unknown one the error text is the list of the known. */
export function mapping<Shape extends z.core.$ZodLooseShape>(expected: string, shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? Object.keys(shape).join(", ") : expected),
  });
}

export function wholeNumber(min: number, max: number, unit: string) {
  const expected = `a whole number of ${unit} from ${min} to ${max}`;
  return z.int(expected).min(min, expected).max(max, expected);
}

export function text(expected: string, isRight: (value: string) => boolean) {
  return z.string(expected).min(1, expected).refine(isRight, expected);
}

export function choice<const Names extends readonly string[]>(names: Names) {
  return z.enum(names, `one of ${names.join(", ")}`);
}

/** One of what the schema takes, or a list of them. `check-input.ts` relies on the list being the second way. */
export function oneOrMore<Item extends z.core.$ZodType>(item: Item, expected: string) {
  return z.union([item, z.array(item, expected).min(1, `a list of one or more, each ${expected}`)]);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
