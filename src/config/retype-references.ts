import { valueAt } from "./check-input.ts";
import { pipelineConfigSchema } from "./schema.ts";

const NUMBER = /^-?\d+(?:\.\d+)?$/;
const BOOLEAN = /^(?:true|false)$/i;

/**
 * What the environment gives is text. Where the schema wants a number or true/false, and the text reads as one, it
 * becomes one, in place. The schema decides, not the look of the text: a password of digits stays text.
 */
export function retypeReferences(input: unknown, referencePaths: readonly (readonly string[])[]): void {
  const references = new Set(referencePaths.map((path) => JSON.stringify(path)));
  for (const issue of pipelineConfigSchema.safeParse(input).error?.issues ?? []) {
    const path = issue.path.map(String);
    if (issue.code !== "invalid_type" || !references.has(JSON.stringify(path))) continue;
    const typed = retype(issue.expected, valueAt(input, path));
    const parent = valueAt(input, path.slice(0, -1));
    const key = path.at(-1);
    if (typed === null || key === undefined || typeof parent !== "object" || parent === null) continue;
    (parent as Record<string, unknown>)[key] = typed;
  }
}

function retype(expected: string, text: unknown): number | boolean | null {
  if (typeof text !== "string") return null;
  if (expected === "boolean") return BOOLEAN.test(text) ? text.toLowerCase() === "true" : null;
  return (expected === "number" || expected === "int") && NUMBER.test(text) ? Number(text) : null;
}
