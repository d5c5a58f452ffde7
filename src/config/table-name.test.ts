import { expect, test } from "vitest";
import { parseTableName } from "./table-name.ts";

const LONGEST = "é".repeat(31) + "x";

test.each([
  ["user_logins", null, "user_logins"],
  ["audit.user_logins", "audit", "user_logins"],
  ['User "Logins"', null, 'User "Logins"'],
  [`${LONGEST}.${LONGEST}`, LONGEST, LONGEST],
])("%s", (text, schema, name) => {
  expect(parseTableName(text)).toStrictEqual({ schema, name });
});

test.each(["", ".", "a.", ".a", "a.b.c", "a\0", `${LONGEST}x`, `a.${LONGEST}x`])("%j is no table", (text) => {
  expect(parseTableName(text)).toBeNull();
});
