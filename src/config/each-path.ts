import type { Each, InnerStep, Result } from "../pipeline/contracts.ts";
import { parseInnerPath } from "./inner-path.ts";

export const EACH = "the path of an array, such as items or order.items, or . for an array as a whole";

/** Reads the way to elements. The error is "what is wrong; what would be right", to follow the name of the setting. */
export function parseEach(from: string): Result<Each, string> {
  if (from === ".") return { ok: true, value: { path: [[]], from } };
  const parsed = parseInnerPath(from);
  if (!parsed.ok) return parsed;
  const path = splitAtElements(parsed.value);
  if (path.some((steps) => steps.length === 0))
    return { ok: false, error: `leads to an array within an array at once; it must be ${EACH}` };
  return { ok: true, value: { path, from } };
}

/** The last element's mark may be left out. */
function splitAtElements(steps: readonly InnerStep[]): readonly (readonly string[])[] {
  const path: string[][] = [[]];
  for (const [index, step] of steps.entries()) {
    if (step !== null) path.at(-1)?.push(step);
    else if (index < steps.length - 1) path.push([]);
  }
  return path;
}
