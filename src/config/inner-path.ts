import type { InnerStep, Result } from "../pipeline/contracts.ts";

const SHAPE =
  "keys separated by periods, with [] for each element of an array, such as devices[].id; a key with other characters in double quotes";
/** It is part of what a key is derived from. */
const BYTES_MAX = 256;
/** Of what may stand outside quotes, nothing ends a step. */
const PLAIN_KEY = /^[^.[\]"\p{Cc}]+/u;
const QUOTED_KEY = /^"(?:[^"\\\p{Cc}]|\\["\\/bfnrt]|\\u[\da-fA-F]{4})+"/u;

/**
 * Reads a path into a JSON value: `ip`, `devices[].id`, `"user.id".name`. The error is "what is wrong; what would be
 * right", to follow the name of the setting.
 */
export function parseInnerPath(path: string): Result<readonly InnerStep[], string> {
  if (Buffer.byteLength(path) > BYTES_MAX) {
    return { ok: false, error: `is too long; a path has at most ${BYTES_MAX} bytes` };
  }
  const steps: InnerStep[] = [];
  let rest = path;
  while (rest !== "" || steps.length === 0) {
    if (rest.startsWith("[]")) {
      steps.push(null);
      rest = rest.slice(2);
      continue;
    }
    if (rest.startsWith("[")) {
      return wrong("has an index", "write [] for each element of an array: a single one cannot be masked alone");
    }
    if (steps.length > 0) {
      if (!rest.startsWith(".")) return wrong(`is no path (behind ${showInnerPath(steps)})`, SHAPE);
      rest = rest.slice(1);
    }
    const written = (QUOTED_KEY.exec(rest) ?? PLAIN_KEY.exec(rest))?.[0];
    if (written === undefined) {
      return wrong(
        steps.length === 0 ? "is no path" : `has an empty or broken part (behind ${showInnerPath(steps)})`,
        SHAPE,
      );
    }
    const key = written.startsWith('"') ? (JSON.parse(written) as string) : written;
    if (key.includes("\0") || !key.isWellFormed())
      return wrong("has a key that no stored JSON can have", "write another");
    steps.push(key);
    rest = rest.slice(written.length);
  }
  return { ok: true, value: steps };
}

const wrong = (what: string, remedy: string): Result<never, string> => ({
  ok: false,
  error: `${what}; ${remedy.startsWith("write") ? remedy : `it must be ${remedy}`}`,
});

/** One text for each path, however it was written: keys have quotes only where they need them. */
export function showInnerPath(path: readonly InnerStep[]): string {
  let shown = "";
  for (const step of path) {
    if (step === null) shown += "[]";
    else shown += `${shown === "" ? "" : "."}${PLAIN_KEY.exec(step)?.[0] === step ? step : JSON.stringify(step)}`;
  }
  return shown;
}

/** Whether what one path leads to is what the other leads to, or holds it, or can never be there beside it. */
export function pathsMeet(one: readonly InnerStep[], other: readonly InnerStep[]): boolean {
  const shared = Math.min(one.length, other.length);
  for (let at = 0; at < shared; at += 1) {
    // An array has no keys, and an object no elements: no value has both.
    if ((one[at] === null) !== (other[at] === null)) return true;
    if (one[at] !== other[at]) return false;
  }
  return true;
}
