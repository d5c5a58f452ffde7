import { describe, expect, it } from "vitest";
import type { ExistingColumn } from "./existing-table.ts";
import { maskedFieldOf, matchColumns, wholesOf } from "./match-columns.ts";
import { timeColumns } from "./time-columns.ts";

const real = (name: string, settings: Partial<ExistingColumn> = {}): ExistingColumn => ({
  name,
  isText: true,
  isJson: false,
  dropsBlanks: false,
  time: null,
  notNull: false,
  isFilled: false,
  isGenerated: false,
  bounds: undefined,
  misfitOf: () => null,
  ...settings,
});

const matched = (paths: readonly string[], columns: readonly string[]) =>
  Object.fromEntries(
    [
      ...matchColumns(
        paths,
        columns.map((name) => real(name)),
      ),
    ].map(([path, { name }]) => [path, name]),
  );

describe("a field's column", () => {
  it.each<[string, string[], string[], Record<string, string>]>([
    ["has its name", ["ip"], ["ip"], { ip: "ip" }],
    [
      "has its name in another spelling",
      ["userId", "device.os.name"],
      ["deviceOsName", "user_id"],
      { userId: "user_id", "device.os.name": "deviceOsName" },
    ],
    ["says that it is masked, also beside one of the name", ["ip"], ["ip", "masked_ip"], { ip: "masked_ip" }],
    ["says so at its end", ["ip"], ["ipHash"], { ip: "ipHash" }],
    ["has the end of its path", ["login.user.id"], ["user_id"], { "login.user.id": "user_id" }],
    [
      "has its name where it is of an array's element",
      ["Records[0].eventName"],
      ["event_name"],
      { "Records[0].eventName": "event_name" },
    ],
    ["has the end of no other path", ["a.id", "b.id"], ["id"], {}],
    ["is that of the nearest name", ["id", "user.id"], ["id", "user_id"], { id: "id", "user.id": "user_id" }],
    ["is none", ["zip"], ["ip"], {}],
  ])("%s", (_, paths, columns, expected) => {
    expect(matched(paths, columns)).toEqual(expected);
  });

  it("is none that PostgreSQL makes itself", () => {
    expect(matchColumns(["id"], [real("id", { isGenerated: true })]).size).toBe(0);
  });

  it("says what it masks", () => {
    expect(["masked_ip", "ip_hash", "hashedDeviceId", "masked", "ip"].map(maskedFieldOf)).toEqual([
      "ip",
      "ip",
      "device_id",
      null,
      null,
    ]);
  });
});

it("takes an object whole by the name of a column for JSON, or by the end of its path", () => {
  const isWhole = wholesOf([real("shippingAddress", { isJson: true }), real("customer")]);
  expect(isWhole(["shipping_address"])).toBe(true);
  expect(isWhole(["order", "shippingAddress"])).toBe(true);
  expect(isWhole(["customer"])).toBe(false);
  expect(isWhole(["shipping_address", "city"])).toBe(false);
});

describe("the time of sending", () => {
  const times = (...columns: ExistingColumn[]) =>
    [...timeColumns(columns).values()].map(({ name, type }) => `${name} ${type}`);
  const date = (name: string) => real(name, { time: "date" });

  it("fills the only column of a time, or those that speak of the event's own moment", () => {
    expect(times(date("day"), real("note"))).toEqual(["day date"]);
    expect(times(date("day"), real("created_at", { time: "timestamp" }))).toEqual(["created_at timestamp"]);
  });

  it("fills none of another moment", () => {
    expect(times(date("deleted_at"), date("birth_date"))).toEqual([]);
  });
});
