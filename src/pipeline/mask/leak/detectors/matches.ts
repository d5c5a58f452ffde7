/** All matches of a global expression, as `matchAll` gives them, which costs ten times as much where there is none. */
export function matches(expression: RegExp, text: string): readonly RegExpExecArray[] {
  expression.lastIndex = 0;
  let match = expression.exec(text);
  if (match === null) return NONE;
  const found: RegExpExecArray[] = [];
  for (; match !== null; match = expression.exec(text)) found.push(match);
  return found;
}

const NONE: readonly RegExpExecArray[] = [];
