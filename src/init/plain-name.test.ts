import { expect, it } from "vitest";
import { isPlainName } from "./plain-name.ts";

it.each(["ip", "user_id", "userAgent", "user-agent", "_id", "größe", "constructor", "os2", "user.id", "@timestamp"])(
  "%s is a name",
  (name) => {
    expect(isPlainName(name)).toBe(true);
  },
);

it.each([
  ["", "empty"],
  ["jane@example.org", "an email"],
  ["192.0.2.1", "an address"],
  ["415-555-0132", "a number"],
  ["user12345678", "a numbered someone"],
  ["a..b", "no names between the periods"],
  ["Jane Doe", "words"],
  ["@", "a sign alone"],
  ["jane@example", "a sign in between"],
  ["__proto__", "what every event with it is refused for"],
  ["${HOME}", "a reference"],
  ["x".repeat(49), "too long"],
])("%s is none: %s", (name) => {
  expect(isPlainName(name)).toBe(false);
});
