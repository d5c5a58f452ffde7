import { expect, it } from "vitest";
import { isPlainName } from "./plain-name.ts";

it.each(["ip", "user_id", "userAgent", "user-agent", "_id", "größe", "constructor", "os2"])("%s is a name", (name) => {
  expect(isPlainName(name)).toBe(true);
});

it.each([
  ["", "empty"],
  ["jane@example.org", "an email"],
  ["192.0.2.1", "an address"],
  ["415-555-0132", "a number"],
  ["user12345678", "a numbered someone"],
  ["a.b", "what a path would take apart"],
  ["Jane Doe", "words"],
  ["@sent_at", "metadata"],
  ["__proto__", "what every event with it is refused for"],
  ["${HOME}", "a reference"],
  ["x".repeat(49), "too long"],
])("%s is none: %s", (name) => {
  expect(isPlainName(name)).toBe(false);
});
