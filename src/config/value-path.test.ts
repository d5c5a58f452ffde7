import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { parsePath, renderPath } from "./value-path.ts";

test.each([
  ["a b.ü", ["a b", "ü"]],
  ["a[0]", ["a", 0]],
  ["a[0].b", ["a", 0, "b"]],
  ["a[0][12].b[3]", ["a", 0, 12, "b", 3]],
  ['"user.id"', ["user.id"]],
  ['"user.id".name', ["user.id", "name"]],
  ['"a[0]"[0]."b c"', ["a[0]", 0, "b c"]],
  ['"say \\"hi\\" \\u0041"', ['say "hi" A']],
  ['""', [""]],
  ["a.^", ["a", "^"]],
])("%s", (text, path) => {
  expect(parsePath(text)).toStrictEqual({ ok: true, value: path });
});

const FIELD = "it must be a field, or a path such as device.os.name";
const INDEX = "an index is a whole number from 0 in brackets, as in items[0].sku";
const QUOTED = 'put a name with dots or brackets in double quotes, as in "user.id".name';

test.each([
  ["", `has an empty part (part 1); ${FIELD}`],
  [".", `has an empty part (part 1); ${FIELD}`],
  ["a..b", `has an empty part (part 2); ${FIELD}`],
  ["a.b.", `has an empty part (part 3); ${FIELD}`],
  ["[0].a", `has an index without a name before it in part 1; ${INDEX}`],
  ["a.[0]", `has an index without a name before it in part 2; ${INDEX}`],
  ["a[0", `has a bracket that is not closed in part 1; ${INDEX}`],
  ["a.b[]", `has no possible index in part 2; ${INDEX}`],
  ["a[-1]", `has no possible index in part 1; ${INDEX}`],
  ["a[01]", `has no possible index in part 1; ${INDEX}`],
  ["a[1e3]", `has no possible index in part 1; ${INDEX}`],
  ["a[9999999999]", `has no possible index in part 1; ${INDEX}`],
  ["a]", `has a bracket that was not opened in part 1; ${INDEX}`],
  ["a[0]]", `has a bracket that was not opened in part 1; ${INDEX}`],
  ["]", `has a bracket that was not opened in part 1; ${INDEX}`],
  ["a[0]b", `has something behind the quotes or brackets of part 1; ${QUOTED}`],
  ['a."b"c', `has something behind the quotes or brackets of part 2; ${QUOTED}`],
  ['a"b', `has a quote inside of part 1; ${QUOTED}`],
  ['a."b', `has no closing quote in part 2; ${QUOTED}`],
  ['"a\\"', `has no closing quote in part 1; ${QUOTED}`],
  ['"\\x"', `has no JSON string within the quotes of part 1; ${QUOTED}`],
])("%j is refused, with the part that is wrong", (text, error) => {
  expect(parsePath(text)).toStrictEqual({ ok: false, error });
});

const key = fc.oneof(
  fc.string({ unit: codePoint }),
  fc.constantFrom("a.b", "@x", '"', "[0]", "\\", "a b", "\ud800", "^"),
);
const path = fc.tuple(key, fc.array(fc.oneof(key, fc.nat(999_999_999)))).map(([first, rest]) => [first, ...rest]);

test("every path that is rendered is read as the same path", () => {
  fc.assert(
    fc.property(path, (steps) => {
      expect(parsePath(renderPath(steps))).toStrictEqual({ ok: true, value: steps });
    }),
    { numRuns: 1_000 },
  );
});

test("what is read is either refused or rendered to the same path", () => {
  let read = 0;
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab0.[]"\\ @-'), maxLength: 12 }), (text) => {
      const parsed = parsePath(text);
      if (!parsed.ok) return;
      read += 1;
      expect(parsePath(renderPath(parsed.value))).toStrictEqual(parsed);
    }),
    { numRuns: 2_000 },
  );
  expect(read).toBeGreaterThan(50);
});
