import { describe, expect, test } from "vitest";
import { decoderOf } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import type { Column, ColumnBounds, ColumnType, Delivery } from "../pipeline/contracts.ts";

const BOUNDS: ColumnBounds = { charsMax: null, integerMin: null, integerMax: null, isText: false };
const delivery = (body: string, attributes: Readonly<Record<string, string>> = {}): Delivery =>
  testDelivery(body, { attributes: new Map(Object.entries(attributes)) });

/** What a column gets of a value as the body has it, or the code of the refusal. */
function read(
  type: ColumnType,
  written: string,
  settings: Partial<Column> = {},
  bounds: Partial<ColumnBounds> | null = null,
): unknown {
  const columns = [testColumn({ name: "v", type, ...settings })];
  const known = new Map(bounds === null ? [] : [["v", { ...BOUNDS, ...bounds }] as const]);
  // The other number has a look taken at how all of them are written.
  const results = [`{"v":${written}}`, `{"other":1e-400, "v" : ${written} }`].map((body) => {
    const result = decoderOf(columns, known, { unknownFields: "ignore" })(delivery(body));
    return result.ok ? result.value.values[0] : result.error.code;
  });
  expect(results[0]).toEqual(results[1]);
  return results[0];
}

describe("decimal", () => {
  test.each<[string, unknown]>([
    ["0.1", "0.1"],
    ["12.50", "12.5"],
    ['"12.50"', "12.5"],
    ["0.30000000000000004", "0.30000000000000004"],
    ["12345678901234567890.123456789", "12345678901234567890.123456789"],
    ["1e3", "1000"],
    ["1.5E-7", "0.00000015"],
    ["0.0000001", "0.0000001"],
    ["-0", "0"],
    ['"-0.00"', "0"],
    ["0e99999", "0"],
    ["1e999", `1${"0".repeat(999)}`],
    ["1e1000", "field.range"],
    ["1e-1001", "field.range"],
    [`1e-${"9".repeat(60)}`, "field.range"],
    ["1".repeat(1_001), "field.range"],
    ['"1,50"', "field.format"],
    ['" 1"', "field.format"],
    ['"NaN"', "field.format"],
    ['"0x10"', "field.format"],
    ['""', "field.format"],
    ["true", "field.type"],
    ["[1]", "field.type"],
  ])("%.40s", (written, value) => {
    expect(read("decimal", written)).toEqual(value);
  });

  test.each<[string, number, number, unknown]>([
    ["999.99", 5, 2, "999.99"],
    ["999.990", 5, 2, "999.99"],
    ["1000", 5, 2, "field.range"],
    ["0.001", 5, 2, "field.range"],
    ["0.00012", 3, 5, "0.00012"],
    ["0.01", 3, 5, "field.range"],
    ["1200", 2, -2, "1200"],
    ["1250", 2, -2, "field.range"],
    ["0", 2, -2, "0"],
  ])("%s into numeric(%i, %i)", (written, precision, scale, value) => {
    expect(read("decimal", written, {}, { numeric: { precision, scale } })).toEqual(value);
  });

  test("is cut, and not rounded, where that is said", () => {
    const size = { numeric: { precision: 5, scale: 2 } };
    expect(read("decimal", "1.999", { cut: true }, size)).toBe("1.99");
    expect(read("decimal", "-1.999", { cut: true }, size)).toBe("-1.99");
    expect(read("decimal", "0.001", { cut: true }, size)).toBe("0");
    expect(read("decimal", "1000.001", { cut: true }, size)).toBe("field.range");
    expect(read("number", "1.999", { cut: true }, size)).toBe("1.99");
    expect(read("number", "1.5", { cut: true }, size)).toBe(1.5);
    expect(read("number", "1.999", {}, size)).toBe("field.range");
  });

  test("has the length of its text column", () => {
    expect(read("decimal", "12.50", {}, { isText: true, charsMax: 4 })).toBe("12.5");
    expect(read("decimal", "12.55", {}, { isText: true, charsMax: 4 })).toBe("field.too-long");
    expect(read("integer", "12345", {}, { isText: true, charsMax: 4 })).toBe("field.too-long");
  });
});

describe("coerce", () => {
  const coerce = true;
  test.each<[ColumnType, string, unknown]>([
    ["integer", '"5"', 5],
    ["integer", '"-5.0"', -5],
    ["integer", '"9223372036854775807"', "9223372036854775807"],
    ["integer", '"9223372036854775808"', "field.range"],
    ["integer", '"5.5"', "field.type"],
    ["integer", '" 5"', "field.format"],
    ["integer", '"5 €"', "field.format"],
    ["integer", '"0x5"', "field.format"],
    ["integer", '""', "field.format"],
    ["integer", "true", "field.type"],
    ["number", '"0.1"', 0.1],
    ["number", '"1e400"', "field.range"],
    ["number", '"NaN"', "field.format"],
    ["boolean", '"true"', true],
    ["boolean", '"false"', false],
    ["boolean", '"yes"', "field.format"],
    ["boolean", '"True"', "field.format"],
    ["boolean", "1", "field.type"],
    ["text", "1.50", "1.50"],
    ["text", "12345678901234567890", "12345678901234567890"],
    ["text", "1e5", "1e5"],
    ["text", "true", "true"],
    ["text", '"text"', "text"],
    ["text", "[1]", "field.type"],
    ["text", "{}", "field.type"],
    ["integer[]", '["5",6]', '{"5","6"}'],
    ["text[]", '[1.50,true,"a"]', '{"1.50","true","a"}'],
  ])("%s: %s", (type, written, value) => {
    expect(read(type, written, { coerce })).toEqual(value);
  });
});

describe("times", () => {
  const epoch = (format: "epoch-s" | "epoch-ms" | "epoch-us", written: string, settings: Partial<Column> = {}) =>
    read("timestamp", written, { formats: [format], ...settings });

  test.each<["epoch-s" | "epoch-ms" | "epoch-us", string, unknown]>([
    ["epoch-s", "0", "1970-01-01T00:00:00.000000Z"],
    ["epoch-s", "1769903999", "2026-01-31T23:59:59.000000Z"],
    ["epoch-s", "1769903999.123456", "2026-01-31T23:59:59.123456Z"],
    ["epoch-s", "1769903999.1234560", "2026-01-31T23:59:59.123456Z"],
    ["epoch-s", "1769903999.1234567", "field.range"],
    ["epoch-s", "1.769903999e9", "2026-01-31T23:59:59.000000Z"],
    ["epoch-s", "-0.5", "1969-12-31T23:59:59.500000Z"],
    ["epoch-s", "-62135596800", "0001-01-01T00:00:00.000000Z"],
    ["epoch-s", "-62135596801", "field.range"],
    ["epoch-s", "253402300799.999999", "9999-12-31T23:59:59.999999Z"],
    ["epoch-s", "253402300800", "field.range"],
    ["epoch-s", "1e30", "field.range"],
    ["epoch-s", "1e-7", "field.range"],
    ["epoch-s", '"1769903999"', "field.type"],
    ["epoch-s", "true", "field.type"],
    ["epoch-ms", "1769903999123", "2026-01-31T23:59:59.123000Z"],
    ["epoch-ms", "1769903999123.4", "2026-01-31T23:59:59.123400Z"],
    ["epoch-us", "1769903999123456", "2026-01-31T23:59:59.123456Z"],
    ["epoch-us", "1769903999123456.5", "field.range"],
  ])("%s %s", (format, written, value) => {
    expect(epoch(format, written)).toEqual(value);
  });

  test("a text is an epoch only where texts are taken for numbers", () => {
    expect(epoch("epoch-s", '"1769903999.5"', { coerce: true })).toBe("2026-01-31T23:59:59.500000Z");
    expect(epoch("epoch-s", '"1769903999,5"', { coerce: true })).toBe("field.format");
    const formats = ["rfc3339", "epoch-ms"] as const;
    expect(read("timestamp", '"2026-01-31T23:59:59Z"', { formats })).toBe("2026-01-31T23:59:59.000000Z");
    expect(read("timestamp", "1769903999000", { formats })).toBe("2026-01-31T23:59:59.000000Z");
    expect(read("timestamp", '"1769903999000"', { formats })).toBe("field.format");
    expect(read("date", "1769903999000", { formats })).toBe("2026-01-31");
  });

  test.each<[string, unknown]>([
    ["2026-03-01 10:00:00.5", "2026-03-01T09:00:00.500000Z"],
    ["2026-07-01T10:00:00", "2026-07-01T08:00:00.000000Z"],
    ["2026-07-01 10:00:00+00", "2026-07-01T10:00:00.000000Z"],
    // Skipped by the clock: what it would have been without the change.
    ["2026-03-29 02:30:00", "2026-03-29T01:30:00.000000Z"],
    // Shown twice: the later one.
    ["2026-10-25 02:30:00", "2026-10-25T01:30:00.000000Z"],
    ["2026-10-25 01:59:59", "2026-10-24T23:59:59.000000Z"],
    ["2026-02-30 10:00:00", "field.format"],
    ["2026-03-01", "field.format"],
    ["2026-03-01 10:00", "field.format"],
    ["01.03.2026 10:00:00", "field.format"],
    ["0000-01-01 10:00:00", "field.range"],
  ])("on a clock in Berlin: %s", (text, value) => {
    expect(read("timestamp", JSON.stringify(text), { formats: ["sql"], zone: "Europe/Berlin" })).toEqual(value);
  });

  test("a date without a zone is the day that it names", () => {
    const formats = ["sql"] as const;
    expect(read("date", '"2026-03-01 00:30:00"', { formats })).toBe("2026-03-01");
    expect(read("date", '"2026-03-01"', { formats })).toBe("2026-03-01");
    expect(read("date", '"2026-03-01 00:30:00+02"', { formats })).toBe("2026-02-28");
  });

  test("decimals that the column does not hold are refused or cut, and zeros are nothing", () => {
    const ms = { secondDecimals: 3 };
    const time = (decimals: string): string => `"2026-01-31T23:59:59.${decimals}Z"`;
    expect(read("timestamp", time("123000"), {}, ms)).toBe("2026-01-31T23:59:59.123000Z");
    expect(read("timestamp", time("1234"), {}, ms)).toBe("field.range");
    expect(read("timestamp", time("1239"), { cut: true }, ms)).toBe("2026-01-31T23:59:59.123000Z");
    expect(read("timestamp", time("123456789"))).toBe("field.range");
    expect(read("timestamp", time("123456789"), { cut: true })).toBe("2026-01-31T23:59:59.123456Z");
    expect(read("timestamp", "-0.0009", { formats: ["epoch-s"], cut: true }, ms)).toBe("1969-12-31T23:59:59.999000Z");
    expect(read("timestamp", "-1e-9", { formats: ["epoch-s"], cut: true })).toBe("1969-12-31T23:59:59.999999Z");
  });

  test("a token needs no more than microseconds of a time", () => {
    const text = '"2026-01-31T23:59:59.123456789Z"';
    expect(read("timestamp", text, { mask: "hmac-sha256" })).toBe("2026-01-31T23:59:59.123456Z");
  });
});

describe("arrays", () => {
  test.each<[ColumnType, string, unknown]>([
    ["text[]", "[]", "{}"],
    ["text[]", '["a","b\\"c","d\\\\e","NULL",""]', '{"a","b\\"c","d\\\\e","NULL",""}'],
    ["text[]", '["a",null]', "field.null"],
    ["text[]", '["a",1]', "field.type"],
    ["text[]", '["a",["b"]]', "field.type"],
    ["text[]", '["\\u0000"]', "field.nul-character"],
    ["text[]", '"a"', "field.type"],
    ["text[]", "{}", "field.type"],
    ["integer[]", "[1,9223372036854775807]", '{"1","9223372036854775807"}'],
    ["integer[]", "[1.5]", "field.type"],
    ["integer[]", "[1.00000000000000001]", "field.range"],
    ["decimal[]", '[0.10,1e2,"3",12345678901234567890.1]', '{"0.1","100","3","12345678901234567890.1"}'],
    ["number[]", "[0.1,1e2]", '{"0.1","100"}'],
    ["boolean[]", "[true,false]", '{"true","false"}'],
    ["uuid[]", '["{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"]', '{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}'],
    ["timestamp[]", '["2026-01-31T23:59:59Z"]', '{"2026-01-31T23:59:59.000000Z"}'],
    ["date[]", '["2026-01-31"]', '{"2026-01-31"}'],
  ])("%s: %s", (type, written, value) => {
    expect(read(type, written)).toEqual(value);
  });

  test("a null inside is taken by a nullable column", () => {
    expect(read("text[]", '["a",null]', { nullable: true })).toBe('{"a",NULL}');
    expect(read("text[]", "null", { nullable: true })).toBe(null);
  });

  test("are bounded", () => {
    const of = (count: number): string => `[${Array.from({ length: count }, () => 1).join(",")}]`;
    expect(read("integer[]", of(4_096))).toMatch(/^\{"1",/);
    expect(read("integer[]", of(4_097))).toBe("field.too-long");
  });

  test("are not written out to many times their size", () => {
    const of = (count: number, element: string): string =>
      `[${Array.from({ length: count }, () => element).join(",")}]`;
    expect(read("decimal[]", of(60, "1e999"))).toMatch(/^\{"10/);
    expect(read("decimal[]", of(70, "1e999"))).toBe("field.too-long");
    expect(read("decimal[]", of(70, '"1e-999"'))).toBe("field.too-long");
    // What is written with all its digits may be long.
    expect(read("decimal[]", of(200, `"${"1".repeat(999)}"`))).toMatch(/^\{"11/);
    expect(read("decimal[]", of(200, "1".repeat(999)))).toMatch(/^\{"11/);
  });
});

test("labels of an enum are checked in the very spelling, in arrays as well", () => {
  const labels = new Set(["sad", "ok"]);
  expect(read("text", '"ok"', {}, { labels })).toBe("ok");
  expect(read("text", '"OK"', {}, { labels })).toBe("field.format");
  expect(read("text[]", '["ok","sad"]', {}, { labels })).toBe('{"ok","sad"}');
  expect(read("text[]", '["bad"]', {}, { labels })).toBe("field.format");
});

describe("addresses in other texts", () => {
  test.each<[string, Partial<Column>, unknown]>([
    ["203.0.113.7, 10.0.0.1", { take: "first" }, "203.0.113.7"],
    [" 203.0.113.7 ,10.0.0.1", { take: "first" }, "203.0.113.7"],
    ["203.0.113.7", { take: "first" }, "203.0.113.7"],
    [", 10.0.0.1", { take: "first" }, "field.format"],
    ["203.0.113.7:443", { strip: "port" }, "203.0.113.7"],
    ["203.0.113.7", { strip: "port" }, "203.0.113.7"],
    ["[2001:db8::1]:443", { strip: "port" }, "2001:db8::1"],
    ["[2001:db8::1]", { strip: "port" }, "2001:db8::1"],
    ["2001:db8::1", { strip: "port" }, "2001:db8::1"],
    ["203.0.113.7:https", { strip: "port" }, "field.format"],
    ["[203.0.113.7:443, 10.0.0.1", { strip: "port", take: "first" }, "field.format"],
    ["203.0.113.7:443, 10.0.0.1", { strip: "port", take: "first" }, "203.0.113.7"],
    ["unknown", { otherwise: null, nullable: true }, null],
    ["203.0.113.7:443", {}, "field.format"],
  ])("%s with %j", (text, settings, value) => {
    expect(read("ip", JSON.stringify(text), settings)).toEqual(value);
  });

  test("what is no text stays refused", () => {
    expect(read("ip", "5", { otherwise: null, nullable: true })).toBe("field.type");
  });
});

describe("phone", () => {
  test.each<[string, string | undefined, unknown]>([
    ["+49 30 1234567", undefined, "+49301234567"],
    ["+49 (0)30 / 123-4567", undefined, "+49301234567"],
    ["030 1234567", "DE", "+49301234567"],
    ["0049 30 1234567", "DE", "+49301234567"],
    ["+1 213-373-4253", "DE", "+12133734253"],
    ["030 1234567", undefined, "field.format"],
    ["12", "DE", "field.format"],
    ["+1 213 373 4253 ext. 5", undefined, "field.format"],
    ["call +49 30 1234567", undefined, "field.format"],
    [`+49${"1".repeat(70)}`, undefined, "field.format"],
    ["", undefined, "field.format"],
  ])("%.30s in %s", (text, region, value) => {
    expect(read("phone", JSON.stringify(text), region === undefined ? {} : { region })).toEqual(value);
  });

  test("a region that nobody knows is said at the start", () => {
    expect(() => read("phone", '"+49 30 1234567"', { region: "XX" })).toThrow(/no phone numbers are known/);
  });
});

describe("an attribute", () => {
  const ofAttribute = (type: ColumnType, text: string, settings: Partial<Column> = {}): unknown => {
    const origin = { kind: "attribute", name: "A" } as const;
    const column = testColumn({ name: "v", type, origin, from: "@attribute.A", ...settings });
    const result = decoderOf([column], new Map(), { unknownFields: "ignore" })(delivery("{}", { A: text }));
    return result.ok ? result.value.values[0] : result.error.code;
  };

  test.each<[ColumnType, string, unknown]>([
    ["decimal", "0.10000000000000000001", "0.10000000000000000001"],
    ["integer", "9223372036854775807", "9223372036854775807"],
    ["integer[]", "[1, 9223372036854775807]", '{"1","9223372036854775807"}'],
    ["text[]", '["a"]', '{"a"}'],
    ["text[]", "a", "field.format"],
    ["mac", "0800.2b01.0203", "08:00:2b:01:02:03"],
  ])("as %s: %s", (type, text, value) => {
    expect(ofAttribute(type, text)).toEqual(value);
  });

  test("is text, so an epoch in it is one", () => {
    expect(ofAttribute("timestamp", "1769903999", { formats: ["epoch-s"] })).toBe("2026-01-31T23:59:59.000000Z");
  });
});

describe("what the configuration gives", () => {
  test("a default is for what is missing or null, and for nothing else", () => {
    const decode = decoderOf(
      [
        testColumn({ name: "v", type: "integer", fallback: 7 }),
        testColumn({ name: "w", type: "text", absent: "default" }),
      ],
      new Map(),
      { unknownFields: "ignore" },
    );
    const values = (body: string): unknown => {
      const result = decode(delivery(body));
      return result.ok ? result.value.values : result.error;
    };
    expect(values("{}")).toEqual([7, null]);
    expect(values('{"v":null,"w":null}')).toEqual([7, null]);
    expect(values('{"v":0,"w":""}')).toEqual([0, ""]);
    expect(values('{"v":""}')).toMatchObject({ code: "field.type", path: "v" });
  });

  test("a constant is read like a value, once, and makes no field known", () => {
    const origin = { kind: "constant", value: "2026-01-31T23:59:59+01:00" } as const;
    const decode = decoderOf([testColumn({ name: "v", type: "timestamp", origin })], new Map(), {
      unknownFields: "quarantine",
    });
    expect(decode(delivery("{}"))).toMatchObject({ value: { values: ["2026-01-31T22:59:59.000000Z"] } });
    expect(decode(delivery('{"v":1}'))).toMatchObject({ error: { code: "field.unknown" } });
  });

  test.each<[Partial<Column>, ColumnType]>([
    [{ fallback: "five" }, "integer"],
    [{ fallback: 5 }, "text"],
    [{ fallback: "2026-02-30" }, "date"],
    [{ origin: { kind: "constant", value: "five" } }, "boolean"],
  ])("%j is none of type %s", (settings, type) => {
    const column = testColumn({ name: "v", type, ...settings });
    expect(() => decoderOf([column], new Map(), { unknownFields: "ignore" })).toThrow(/is none that the column holds/);
  });
});

test("of several places each value is read as it is written there", () => {
  const places = [
    { kind: "field", path: ["a"] },
    { kind: "field", path: ["b", 0] },
    { kind: "attribute", name: "A" },
  ] as const;
  const decode = decoderOf(
    [testColumn({ name: "v", type: "decimal", origin: { kind: "first", places }, fallback: 7 })],
    new Map(),
    { unknownFields: "ignore" },
  );
  const value = (body: string, attributes = {}): unknown => {
    const result = decode(delivery(body, attributes));
    return result.ok ? result.value.values[0] : result.error.code;
  };
  const exact = "0.12345678901234567890";
  const kept = exact.slice(0, -1);
  expect(value(`{"a":${exact},"b":[1]}`)).toBe(kept);
  expect(value(`{"a":null,"b":[${exact}]}`)).toBe(kept);
  expect(value("{}", { A: exact })).toBe(kept);
  expect(value("{}")).toBe("7");
});
