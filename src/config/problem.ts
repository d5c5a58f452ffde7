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

/** `source.sqs.queue`, `columns["a b"].type`; the whole is called "the configuration". */
export function settingName(path: readonly string[]): string {
  if (path.length === 0) return "the configuration";
  return path
    .map((key) => (/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`))
    .join("")
    .replace(/^\./, "");
}
