import { plainIssues, valueAt } from "./check-input.ts";
import { pipelineConfigSchema } from "./schema.ts";

/** The environment, as `process.env` gives it. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolation {
  readonly text: string;
  /** True when the environment or a default gave any of the text. */
  readonly hasReferences: boolean;
  readonly problems: readonly ReferenceProblem[];
}

interface ReferenceProblem {
  /** The index of the reference in `findReferences` order, to find its place in the file again. */
  readonly reference: number;
  /** What is wrong and what would be right. Names the variable, never a value. */
  readonly what: string;
  readonly remedy: string;
}

/** `$${`, `${NAME}`, `${NAME:-default}`, or a `${` that begins none of these. Any other `$` is itself. */
const REFERENCE = /\$\$(?=\{)|\$\{(?:([A-Za-z_]\w*)(?::-([^}]*))?\})?/g;

/**
 * Replaces environment references. As in a shell, the default is for a variable that is unset or empty, and what a
 * variable holds is not read again for references. `$${` is `${`; elsewhere two dollar signs, as in a password, are two.
 */
export function interpolate(text: string, env: Environment): Interpolation {
  const problems: ReferenceProblem[] = [];
  let hasReferences = false;
  let reference = -1;
  const replaced = text.replace(REFERENCE, (match: string, name: string | undefined, fallback: string | undefined) => {
    reference += 1;
    if (match === "$$") return "$";
    hasReferences = true;
    if (name === undefined || fallback?.includes("${") === true) {
      problems.push({
        reference,
        what: "${ begins no environment reference",
        remedy: "write ${NAME} or ${NAME:-default}, or $${ for ${ itself",
      });
      return "";
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value || fallback;
    if (value === undefined) {
      problems.push({
        reference,
        what: `the environment variable ${name} is not set`,
        remedy: `set it, or give a default: \${${name}:-default}`,
      });
    }
    return value ?? "";
  });
  return { text: replaced, hasReferences, problems };
}

/** Where each reference of `text` begins; `text` may also be the source of a YAML scalar. */
export function findReferences(text: string): readonly number[] {
  return Array.from(text.matchAll(REFERENCE), ({ index }) => index);
}

const NUMBER = /^-?\d+(?:\.\d+)?$/;
const BOOLEAN = /^(?:true|false)$/i;

/**
 * What the environment gives is text. Where the schema wants a number or true/false, and the text reads as one, it
 * becomes one, in place. The schema decides, not the look of the text: a password of digits stays text.
 */
export function retypeReferences(input: unknown, referencePaths: readonly (readonly string[])[]): void {
  const references = new Set(referencePaths.map((path) => JSON.stringify(path)));
  for (const issue of plainIssues(pipelineConfigSchema.safeParse(input).error?.issues ?? [], input)) {
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
