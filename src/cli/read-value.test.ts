import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readValue } from "./read-value.ts";
import type { Ask } from "./terminal.ts";

const asked = (answer: string | null): Ask => ({
  secret: (question) => Promise.resolve(question === "the value of ip:" ? answer : "asked otherwise"),
  confirm: () => Promise.resolve(null),
  text: () => Promise.resolve(null),
});
const stdinOf = (text: string) => Readable.from([Buffer.from(text)]);
const WHAT = "the value of ip";

test("an argument is the value, exactly", async () => {
  expect(await readValue(" a ", WHAT, { ask: asked("b"), stdin: stdinOf("c") })).toBe(" a ");
});

test.each([undefined, "-"])("without one (%s), a person is asked", async (given) => {
  expect(await readValue(given, WHAT, { ask: asked("b"), stdin: stdinOf("c") })).toBe("b");
});

test.each([undefined, "-"])("without a terminal (%s), it is the one line of stdin, exactly", async (given) => {
  for (const text of [" c \n", " c \r\n", " c ", "\ufeff c \n\n"]) {
    expect(await readValue(given, WHAT, { ask: null, stdin: stdinOf(text) })).toBe(" c ");
  }
});

test.each([
  ["several values", Buffer.from("a\nb\n"), "stdin has more than one line: the value of ip is one"],
  ["a value after an empty line", Buffer.from("\na"), "stdin has more than one line: the value of ip is one"],
  [
    "bytes that are no UTF-8",
    Buffer.from("M\xfcller\n", "latin1"),
    "stdin is not UTF-8: the value of ip would be another one",
  ],
])("does not take a part of %s for the value", async (_, bytes, message) => {
  const reading = readValue("-", WHAT, { ask: null, stdin: Readable.from([bytes]) });
  await expect(reading).rejects.toMatchObject({ code: "usage.invalid", message });
});

test("nothing is no value", async () => {
  const empty = { code: "usage.invalid", message: "the value of ip is empty" };
  await expect(readValue("", WHAT, { ask: null, stdin: stdinOf("") })).rejects.toMatchObject(empty);
  await expect(readValue("-", WHAT, { ask: null, stdin: stdinOf("") })).rejects.toMatchObject(empty);
  await expect(readValue("-", WHAT, { ask: null, stdin: stdinOf("\n") })).rejects.toMatchObject(empty);
  await expect(readValue("-", WHAT, { ask: asked(""), stdin: stdinOf("a") })).rejects.toMatchObject(empty);
});

test("whoever cancels the question stops the command", async () => {
  await expect(readValue("-", WHAT, { ask: asked(null), stdin: stdinOf("a") })).rejects.toMatchObject({
    code: "interrupted",
  });
});
