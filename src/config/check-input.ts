import type { z } from "zod";
import type { Result } from "../pipeline/contracts.ts";
import { didYouMean } from "./did-you-mean.ts";
import { isObject } from "./schema-parts.ts";
import { type CheckedConfig, pipelineConfigSchema } from "./schema.ts";

/** One thing wrong with a configuration. `what` names the setting; neither text ever quotes a value. */
export interface Problem {
  readonly path: readonly string[];
  /** Whether the key itself is at fault, or what it holds. */
  readonly at: "key" | "value";
  readonly what: string;
  readonly remedy: string;
}

/** More would scroll the first ones away. */
const PROBLEMS_MAX = 20;

export interface LocatedProblem extends Problem {
  /** `file:line:column: `, or nothing for a configuration that is no file. */
  readonly place: string;
}

/** One line for each problem, equal ones once. */
export function problemLines(problems: readonly LocatedProblem[]): string {
  const lines = [...new Set(problems.map(({ place, what, remedy }) => `${place}${what}; ${remedy}`))];
  const left = lines.length - PROBLEMS_MAX;
  return left > 0 ? [...lines.slice(0, PROBLEMS_MAX), `… and ${left} more`].join("\n") : lines.join("\n");
}

/** `source.sqs.queue`, `columns["a b"].type`, `source.unwrap[0]`; the whole is called "the configuration". */
function settingName(path: readonly string[]): string {
  if (path.length === 0) return "the configuration";
  return path
    .map((key) => {
      if (/^\d{1,4}$/.test(key)) return `[${key}]`;
      return /^[\p{L}_][\p{L}\p{N}_-]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    })
    .join("")
    .replace(/^\./, "");
}

/** Checks a configuration, however it came, against the schema. Finds all problems at once. */
export function checkInput(input: unknown): Result<CheckedConfig, readonly Problem[]> {
  const forbidden = forbiddenColumns(input);
  const checked = pipelineConfigSchema.safeParse(input);
  if (checked.success && forbidden.length === 0) return { ok: true, value: checked.data };
  const issues = plainIssues(checked.error?.issues ?? [], input);
  return { ok: false, error: [...forbidden, ...issues.flatMap((issue) => describeIssue(issue, input))] };
}

/** Of a setting that is a text, or else a list or a mapping, what is wrong with the one that was meant. */
export const plainIssues = (issues: readonly z.core.$ZodIssue[], input: unknown): readonly z.core.$ZodIssue[] =>
  issues.flatMap((issue) => {
    if (issue.code !== "invalid_union") return [issue];
    const [ofText = [], ofOther = []] = issue.errors;
    const meant = isObject(valueAt(input, issue.path.map(String))) ? ofOther : ofText;
    const within = meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
    return plainIssues(within, input);
  });

/** zod passes over the key `__proto__` of a record in silence: the column would be missing without a word. */
function forbiddenColumns(input: unknown): readonly Problem[] {
  const columns = valueAt(input, ["columns"]);
  if (typeof columns !== "object" || columns === null || !Object.hasOwn(columns, "__proto__")) return [];
  const path = ["columns", "__proto__"];
  return [
    { path, at: "key", what: `${settingName(path)} is no possible column`, remedy: "give the column another name" },
  ];
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown): readonly Problem[] {
  const path = issue.path.map(String);
  const name = settingName(path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(path, key, issue.message));
  if (issue.code === "invalid_key") {
    return [{ path, at: "key", what: "a column's name is wrong", remedy: `it must be ${issue.issues[0]?.message}` }];
  }
  const value = valueAt(input, path);
  if (value === undefined) return [{ path, at: "value", what: `${name} is missing`, remedy: `give ${issue.message}` }];
  const [rightOrWrong, remedy] = split(issue.message);
  if (remedy !== null) return [{ path, at: "value", what: `${name} ${rightOrWrong}`, remedy }];
  return [{ path, at: "value", what: `${name} ${fault(issue, value)}`, remedy: suggestion(issue, value) }];
}

function split(message: string): readonly [string, string | null] {
  const end = message.indexOf("; ");
  return end < 0 ? [message, null] : [message.slice(0, end), message.slice(end + 2)];
}

function unknownKey(path: readonly string[], key: string, known: string): Problem {
  const place = path.length === 0 ? "at the top" : `in ${settingName(path)}`;
  // What looks unlike a key may be a value that lost its key, such as a connection URL: not to be shown.
  const shown = /^[A-Za-z_][\w-]{0,39}$/.test(key) ? `unknown key ${key}` : "unknown key";
  const near = didYouMean(key, known.split(", "));
  const remedy = near === null ? `the keys here are ${known}` : `did you mean ${near}?`;
  return { path: [...path, key], at: "key", what: `${shown} ${place}`, remedy };
}

function fault(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === null || value === "") return "is empty";
  if (issue.code === "too_small" && Array.isArray(value)) return "has too few elements";
  if (issue.code === "too_small") return "is too small";
  if (issue.code === "too_big") return "is too large";
  if (issue.code === "invalid_value" && typeof value === "string") return "is none of the known";
  return issue.code === "invalid_type" || issue.code === "invalid_value" ? `is ${kind(value)}` : "is wrong";
}

function suggestion(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === null) {
    const orRemove = issue.path.length === 0 ? "" : ", or remove the key where it is optional";
    return `give ${issue.message}${orRemove}`;
  }
  const isUnquoted = typeof value === "number" || typeof value === "boolean";
  if (isUnquoted && issue.code === "invalid_type" && issue.expected === "string") {
    return `put it in quotes; it must be ${issue.message}`;
  }
  const choices = issue.code === "invalid_value" ? issue.values.map(String) : [];
  const near = typeof value === "string" ? didYouMean(value, choices) : null;
  return near === null ? `it must be ${issue.message}` : `did you mean ${near}? It must be ${issue.message}`;
}

/** What a value is, without saying it. */
function kind(value: unknown): string {
  if (typeof value === "string") return "text";
  if (typeof value === "number" && !Number.isFinite(value)) return "no finite number";
  if (typeof value === "number") return Number.isInteger(value) ? "a whole number" : "a number with a fraction";
  if (typeof value === "boolean") return "true or false";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a mapping" : "of a kind that no configuration has";
}

export function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}
