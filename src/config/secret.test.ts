import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "./secret.ts";

const secret = new Secret("s3cr3t");
/** As a caller without types may use it. */
const anything = secret as unknown as string;

test("only reveal gives the value", () => {
  expect(secret.reveal()).toBe("s3cr3t");
});

test.each([
  ["String", () => String(secret)],
  ["a template string", () => `<${anything}>`.slice(1, -1)],
  ["concatenation", () => "".concat(anything)],
  ["util.inspect", () => inspect(secret)],
  ["util.format", () => format("%s", secret)],
  ["Error", () => new Error(anything).message],
])("%s prints [secret]", (_, print) => {
  expect(print()).toBe("[secret]");
});

test.each([
  ["JSON", () => JSON.stringify({ secret })],
  ["inspecting what holds it, hidden parts too", () => inspect({ a: { secret } }, { showHidden: true, depth: null })],
  ["format of what holds it", () => format("%o %j", { secret }, { secret })],
  ["its own keys", () => JSON.stringify([Object.entries(secret), Object.assign({}, secret)])],
])("%s does not print the value", (_, print) => {
  expect(print()).not.toContain("s3cr3t");
});
