import { expect, test } from "vitest";
import { findReferences, interpolate } from "./interpolate.ts";

const ENV = { NAME: "value", EMPTY: "", NESTED: "${NAME} $$ $&", _a1: "x", UNSET: undefined };

test.each([
  ["plain", "plain"],
  ["${NAME}", "value"],
  ["a-${NAME}/${_a1}", "a-value/x"],
  ["${EMPTY}", ""],
  ["${EMPTY:-default}", "default"],
  ["${UNSET:-default}", "default"],
  ["${MISSING:-}", ""],
  ["${NAME:-default}", "value"],
  ["${MISSING:-http://h:80/$$x $&}", "http://h:80/$$x $&"],
  ["${NESTED}", "${NAME} $$ $&"],
  ["$${NAME}", "${NAME}"],
  ["$$${NAME}", "$${NAME}"],
  ["pa$$word", "pa$$word"],
  ["pa$word costs 5$", "pa$word costs 5$"],
])("%s gives %s", (text, expected) => {
  expect(interpolate(text, ENV)).toMatchObject({ text: expected, problems: [] });
});

test.each([
  ["plain", false],
  ["$${", false],
  ["${MISSING:-x}", true],
  ["${NAME}", true],
])("whether %s has references: %s", (text, hasReferences) => {
  expect(interpolate(text, ENV).hasReferences).toBe(hasReferences);
});

test.each(["UNSET", "MISSING", "constructor", "__proto__"])("%s is not set", (name) => {
  expect(interpolate(`$$\{ \${${name}}`, ENV).problems).toStrictEqual([
    {
      reference: 1,
      what: `the environment variable ${name} is not set`,
      remedy: `set it, or give a default: \${${name}:-default}`,
    },
  ]);
});

test.each(["${", "${}", "${1A}", "${NAME", "${NAME-x}", "${NAME:-x", "${ NAME }", "${MISSING:-${NAME}}"])(
  "%s is no reference",
  (text) => {
    expect(interpolate(text, ENV).problems).toStrictEqual([
      {
        reference: 0,
        what: "${ begins no environment reference",
        remedy: "write ${NAME} or ${NAME:-default}, or $${ for ${ itself",
      },
    ]);
  },
);

test("references are found where they begin", () => {
  expect(findReferences("a ${NAME} $${ $x ${1}")).toStrictEqual([2, 10, 17]);
});
