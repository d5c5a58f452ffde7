import fc from "fast-check";
import { expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { decoderOf, maskOf } from "../../tests/support/one-table.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { columnsOf } from "../config/config.ts";
import { parseConfig } from "../config/load-config.ts";
import type { Column, ColumnValue } from "../pipeline/contracts.ts";

const CONFIG = {
  source: { sqs: { queue: "orders" } },
  sink: { postgres: { url: "postgres://localhost/db", table: "orders" } },
};
const columns = columnsOf(
  parseConfig(
    {
      ...CONFIG,
      columns: {
        context: {
          type: "json",
          nullable: true,
          piiDetection: "off",
          masks: {
            ip: { type: "ip", mask: "hmac-sha256", echo: "allow" },
            "devices[].id": { mask: "hmac-sha256", echo: "allow" },
            "grid[][]": { mask: "redact", echo: "allow" },
            '"a.b".c': { mask: "drop", echo: "allow" },
          },
        },
      },
    },
    { baseFolder: "/" },
  ),
);
const masking = { keyring: keyringOf({ 1: "primary" }), domain: "orders", seal: null };
const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
const mask = maskOf(columns, masking);

const maskText = (json: string): ColumnValue => {
  const body = `{"context":${json}}`;
  const decoded = decode(testDelivery(body));
  if (!decoded.ok) throw new Error(decoded.error.code);
  const masked = mask(decoded.value);
  if (!masked.ok) throw new Error(masked.error.code);
  return masked.value.values[0] ?? null;
};

/** As a column of its own with the same key would get it. */
function tokenOf(column: Column, raw: string): ColumnValue {
  const alone = { ...column, key: column.name, origin: { kind: "field", path: ["v"] } } as const;
  const record = { id: "1", sentAtMs: 0, values: [raw], unknownFields: [], businessId: null };
  const masked = maskOf([alone], masking)(record);
  if (!masked.ok) throw new Error(masked.error.code);
  return masked.value.values[0] ?? null;
}

const inner = (name: string): Column => {
  const found = columns[0]?.masks?.find((each) => each.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((value) => !value.includes("\0"));
const other = fc.jsonValue({ maxDepth: 2 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 4 });
const anyContext = fc.record(
  {
    ip: maybe(fc.ipV4()),
    devices: maybe(fc.array(fc.oneof(fc.constant(null), fc.record({ id: maybe(text), other }, { requiredKeys: [] })))),
    grid: maybe(fc.array(maybe(fc.array(maybe(text), { maxLength: 3 })), { maxLength: 3 })),
    "a.b": maybe(fc.record({ c: maybe(text), ip: text }, { requiredKeys: [] })),
    decoy: fc.oneof(other, text),
  },
  { requiredKeys: [] },
);

const isEmpty = (value: string): boolean => value.trim() === "";

/** What the masks make of a parsed value, written without the code that is tested. */
function expected(context: Readonly<Record<string, unknown>>): unknown {
  const copy = structuredClone(context) as Record<string, never>;
  const { ip, devices, grid, "a.b": quoted } = copy as Record<string, unknown>;
  if (typeof ip === "string") copy["ip"] = tokenOf(inner("context.ip"), ip) as never;
  for (const device of (devices ?? []) as ({ id?: string | null } | null)[]) {
    if (typeof device?.id !== "string") continue;
    device.id = isEmpty(device.id) ? null : (tokenOf(inner("context.devices[].id"), device.id) as string);
  }
  for (const row of (grid ?? []) as ((string | null)[] | null)[]) {
    for (const [at, cell] of (row ?? []).entries()) {
      if (row !== null && typeof cell === "string") row[at] = cell === "" ? null : "[redacted]";
    }
  }
  const dropped = quoted as { c?: string | null } | null | undefined;
  if (dropped && "c" in dropped) dropped.c = null;
  return copy;
}

/** Other texts that mean the same: white space, escapes in keys and strings. */
const spelled = fc
  .tuple(fc.constantFrom(undefined, 1, "\t"), fc.boolean())
  .map(([space, escapes]) => (value: unknown): string => {
    const json = JSON.stringify(value, null, space) ?? "null";
    // Of letters in strings alone: true, false and null have none of these.
    return escapes
      ? json.replace(/(?<!\\)[dgi](?=[a-z"])/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`)
      : json;
  });

test("what is stored is what was sent, but for what the paths lead to", () => {
  fc.assert(
    fc.property(anyContext, spelled, (context, spell) => {
      const json = spell(context);
      // What no event may hold.
      fc.pre(!/\\u0000|__proto__/.test(json));
      fc.pre(JSON.stringify(JSON.parse(json)) === JSON.stringify(context));
      const masked = maskText(json);
      expect(JSON.parse(String(masked))).toEqual(JSON.parse(JSON.stringify(expected(context))));
    }),
    { numRuns: 500 },
  );
});

test("numbers and white space elsewhere stay as they are written", () => {
  const json = '{ "n" : 1.10, "big":12345678901234567890.5000 ,"ip":"192.0.2.1" ,"e":1E+2, "devices" : [ ] }';
  const masked = String(maskText(json));
  expect(masked.replace(/h1_[\w-]{43}/, "192.0.2.1")).toBe(json);
  expect(masked).not.toContain("192.0.2.1");
});
