import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readSampleEvents } from "./sample-events.ts";

const LOGIN_EVENT = {
  user_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as unknown,
  app_version: expect.stringMatching(/^\d+\.\d+(\.\d+)?$/) as unknown,
  device_type: expect.stringMatching(/^(android|ios)$/) as unknown,
  ip: expect.stringMatching(/^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}$/) as unknown,
  device_id: expect.stringMatching(/^9\d\d-\d\d-\d{4}$/) as unknown,
};

test("99 login events and one of the wrong type", async () => {
  const events = (await readSampleEvents()).map((body) => JSON.parse(body) as Record<string, unknown>);
  const logins = events.filter((event) => "user_id" in event);
  expect(events.filter((event) => !("user_id" in event))).toEqual([{ foo: "oops_wrong_msg_type", bar: "123" }]);
  expect(logins).toHaveLength(99);
  for (const { locale, ...login } of logins) {
    expect(login).toEqual(LOGIN_EVENT);
    expect(locale === null || (typeof locale === "string" && /^[A-Z]{2}$/.test(locale))).toBe(true);
  }
});

test("devices and addresses that several users share", async () => {
  const events = (await readSampleEvents()).map((body) => JSON.parse(body) as Record<string, string>);
  for (const field of ["ip", "device_id"]) {
    const usersOf = new Map<string, Set<string>>();
    for (const { [field]: value, user_id: user } of events) {
      if (value !== undefined && user !== undefined) usersOf.set(value, (usersOf.get(value) ?? new Set()).add(user));
    }
    expect([...usersOf.values()].filter((users) => users.size > 1).length).toBeGreaterThanOrEqual(3);
  }
});

test("the file is what its generator writes", () => {
  const generator = fileURLToPath(new URL("../../tools/generate-sample-events.mjs", import.meta.url));
  expect(() => execFileSync(process.execPath, [generator, "--check"], { stdio: "pipe" })).not.toThrow();
});
