import { describe, expect, test } from "vitest";
import { testColumn } from "../../tests/support/test-column.ts";
import type { ColumnBounds, ColumnType, MaskName, RawValue, RejectionCode } from "../pipeline/contracts.ts";
import { createReader } from "./create-reader.ts";
import { isRefusal } from "./refusal.ts";

const NO_BOUNDS: ColumnBounds = { charsMax: null, integerMin: null, integerMax: null, isText: false };

function read(
  type: ColumnType,
  written: string,
  bounds?: Partial<ColumnBounds>,
  mask: MaskName | null = null,
): RawValue | { readonly refused: RejectionCode } {
  const column = testColumn({ name: "c", type, mask });
  const value: unknown = JSON.parse(written);
  const { read: readExact, readNumber } = createReader(
    column,
    { kind: "field", path: ["c"] },
    bounds === undefined ? undefined : { ...NO_BOUNDS, ...bounds },
  );
  const isLarge = typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER;
  return isLarge ? readNumber(value, written) : readExact(value);
}

const format = { refused: "field.format" };
const range = { refused: "field.range" };
const wrongType = { refused: "field.type" };
const tooLong = { refused: "field.too-long" };

describe("text", () => {
  test.each<[string, unknown]>([
    ['"text"', "text"],
    ['""', ""],
    ['" kept "', " kept "],
    ['"\\ud83d\\ude00"', "\u{1f600}"],
    ['"\\u0000"', { refused: "field.nul-character" }],
    ['"\\ud83d"', { refused: "field.lone-surrogate" }],
    ["true", wrongType],
    ["[]", wrongType],
  ])("%s", (written, value) => {
    expect(read("text", written)).toEqual(value);
  });

  test("its length counts code points, as varchar does", () => {
    expect(read("text", '"\u{1f600}\u{1f600}"', { charsMax: 2 })).toBe("\u{1f600}\u{1f600}");
    expect(read("text", '"\u{1f600}\u{1f600}a"', { charsMax: 2 })).toEqual(tooLong);
    expect(read("text", '"abc"', { charsMax: 2 })).toEqual(tooLong);
  });
});

describe("integer", () => {
  test.each<[string, unknown]>([
    ["5", 5],
    ["5.0", 5],
    ["5e3", 5_000],
    ["9007199254740991", 9_007_199_254_740_991],
    ["9007199254740992", "9007199254740992"],
    ["-9007199254740993", "-9007199254740993"],
    ["9223372036854775807", "9223372036854775807"],
    ["-9223372036854775808", "-9223372036854775808"],
    ["9223372036854775808", range],
    ["1e400", range],
    ["-1e400", range],
    ["1e300", range],
    ["5.5", wrongType],
    ['"5"', wrongType],
    ["true", wrongType],
  ])("%s", (written, value) => {
    expect(read("integer", written)).toEqual(value);
  });

  test("negative zero is zero", () => {
    expect(Object.is(read("integer", "-0"), 0)).toBe(true);
    expect(Object.is(read("number", "-0.0"), -0)).toBe(true);
  });

  test("stays within its column", () => {
    const smallint = { integerMin: -32_768, integerMax: 32_767 };
    expect(read("integer", "32767", smallint)).toBe(32_767);
    expect(read("integer", "32768", smallint)).toEqual(range);
    expect(read("integer", "-32769", smallint)).toEqual(range);
    const bigint = { integerMin: -(2n ** 63n), integerMax: 2n ** 63n - 1n };
    expect(read("integer", "9223372036854775807", bigint)).toBe("9223372036854775807");
    expect(read("integer", "9223372036854775808", bigint)).toEqual(range);
    expect(read("integer", "5", bigint)).toBe(5);
    expect(read("integer", "9007199254740993", { integerMin: -2_147_483_648, integerMax: 2_147_483_647 })).toEqual(
      range,
    );
    expect(read("integer", "1e30", {})).toBe(`1${"0".repeat(30)}`);
  });
});

describe("number, boolean", () => {
  test.each<[ColumnType, string, unknown]>([
    ["number", "0.1", 0.1],
    ["number", "-1.5e-7", -1.5e-7],
    ["number", "9007199254740991", 9_007_199_254_740_991],
    ["number", "9007199254740993", range],
    ["number", "1e400", range],
    ["number", '"0.1"', wrongType],
    ["boolean", "true", true],
    ["boolean", "false", false],
    ["boolean", "0", wrongType],
    ["boolean", '"true"', wrongType],
  ])("%s %s", (type, written, value) => {
    expect(read(type, written)).toEqual(value);
  });
});

describe("timestamp", () => {
  test.each<[string, unknown]>([
    ["2026-01-31T23:59:59Z", "2026-01-31T23:59:59.000000Z"],
    ["2026-01-31t23:59:59.5z", "2026-01-31T23:59:59.500000Z"],
    ["2026-01-31 23:59:59.123456+00", "2026-01-31T23:59:59.123456Z"],
    ["2026-01-31T23:59:59.123456789Z", range],
    ["2026-01-31T23:59:59.123456000Z", "2026-01-31T23:59:59.123456Z"],
    ["2026-01-31T23:59:59-05:30", "2026-02-01T05:29:59.000000Z"],
    ["2026-01-01T00:30:00.000001+0130", "2025-12-31T23:00:00.000001Z"],
    ["2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00.000000Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"],
    ["0050-03-01T00:00:00+01:00", "0050-02-28T23:00:00.000000Z"],
    ["0000-12-31T00:00:00Z", range],
    ["0001-01-01T00:00:00+01:00", range],
    ["9999-12-31T23:59:59-01:00", range],
    ["2026-02-29T00:00:00Z", format],
    ["1900-02-29T00:00:00Z", format],
    ["2026-13-01T00:00:00Z", format],
    ["2026-00-01T00:00:00Z", format],
    ["2026-04-31T00:00:00Z", format],
    ["2026-01-00T00:00:00Z", format],
    ["2026-01-31T24:00:00Z", format],
    ["2026-01-31T23:60:00Z", format],
    ["2016-12-31T23:59:60Z", format],
    ["2026-01-31T23:59:59", format],
    ["2026-01-31T23:59:59+24:00", format],
    ["2026-01-31T23:59:59+05:60", format],
    ["2026-01-31", format],
    ["Sat Jan 31 2026", format],
    ["now", format],
    ["", format],
    [`2026-01-31T23:59:59.${"1".repeat(100)}Z`, format],
  ])("%s", (text, value) => {
    expect(read("timestamp", JSON.stringify(text))).toEqual(value);
  });

  test("is no number", () => {
    expect(read("timestamp", "1769903999")).toEqual(wrongType);
  });
});

describe("date", () => {
  test.each<[string, unknown]>([
    ["2026-01-31", "2026-01-31"],
    ["2024-02-29", "2024-02-29"],
    ["2026-01-31T23:59:59-01:00", "2026-02-01"],
    ["2026-02-30", format],
    ["2026-1-31", format],
    ["31.01.2026", format],
    ["0000-01-01", range],
    ["infinity", format],
  ])("%s", (text, value) => {
    expect(read("date", JSON.stringify(text))).toEqual(value);
  });
});

describe("uuid, ip", () => {
  test.each<[ColumnType, string, unknown]>([
    ["uuid", "424CDD21-063A-43a7-B91B-7CA1A833AFAE", "424cdd21-063a-43a7-b91b-7ca1a833afae"],
    ["uuid", "424cdd21063a43a7b91b7ca1a833afae", "424cdd21-063a-43a7-b91b-7ca1a833afae"],
    ["uuid", "{424CDD21-063a-43a7-b91b-7ca1a833afae}", "424cdd21-063a-43a7-b91b-7ca1a833afae"],
    ["uuid", "urn:uuid:424cdd21-063a-43a7-b91b-7ca1a833afae", "424cdd21-063a-43a7-b91b-7ca1a833afae"],
    ["uuid", "{424cdd21-063a-43a7-b91b-7ca1a833afae", format],
    ["uuid", "urn:uuid:424cdd21-063a-43a7-b91b-7ca1a833afae}", format],
    ["mac", "08:00:2B:01:02:03", "08:00:2b:01:02:03"],
    ["mac", "08-00-2b-01-02-03", "08:00:2b:01:02:03"],
    ["mac", "0800.2b01.0203", "08:00:2b:01:02:03"],
    ["mac", "0800-2b01-0203", "08:00:2b:01:02:03"],
    ["mac", "08002b:010203", "08:00:2b:01:02:03"],
    ["mac", "08002b010203", "08:00:2b:01:02:03"],
    ["mac", "08:00-2b:01:02:03", format],
    ["mac", "08:00:2b:01:02", format],
    ["mac", "08:00:2b:01:02:03:04:05", format],
    ["uuid", "424cdd21-063a-43a7-b91b-7ca1a833afag", format],
    ["ip", "199.172.111.135", "199.172.111.135"],
    ["ip", "2001:DB8::1", "2001:DB8::1"],
    ["ip", "::ffff:1.2.3.4", "::ffff:1.2.3.4"],
    ["ip", "1.2.3.4/32", format],
    ["ip", " 1.2.3.4", format],
    ["ip", "2130706433", format],
    ["ip", "1.2.3.4\0", format],
  ])("%s %s", (type, text, value) => {
    expect(read(type, JSON.stringify(text))).toEqual(value);
  });

  test("keeps to the length of a text column", () => {
    expect(read("ip", '"199.172.111.135"', { isText: true, charsMax: 14 })).toEqual(tooLong);
    expect(read("uuid", '"424cdd21-063a-43a7-b91b-7ca1a833afae"', { isText: true, charsMax: 35 })).toEqual(tooLong);
  });
});

describe("version", () => {
  test.each<[string, unknown]>([
    ["2.3.0", 2_003_000],
    ["0.96", 96_000],
    ["7.31", 7_031_000],
    ["3", 3_000_000],
    // As the events have them: the parts are numbers, so these are 6.2 and 2.0.
    ["6.02", 6_002_000],
    ["2.00", 2_000_000],
    ["2146.999.999", 2_146_999_999],
    ["2147", range],
    ["0.1000", range],
    ["0.0.1000", range],
    ["", format],
    ["1.", format],
    [".1", format],
    ["1..2", format],
    ["-1", format],
    ["v1", format],
    ["1.2.3.4", format],
    ["\u0661.2", format],
  ])("%j as a number", (text, value) => {
    expect(read("version", JSON.stringify(text))).toEqual(value);
    expect(read("version", JSON.stringify(text), { integerMin: -(2 ** 31), integerMax: 2 ** 31 - 1 })).toEqual(value);
  });

  test("goes as far as its column", () => {
    const bigint = { integerMin: Number.MIN_SAFE_INTEGER, integerMax: Number.MAX_SAFE_INTEGER };
    expect(read("version", '"2147.0.0"', bigint)).toBe(2_147_000_000);
    expect(read("version", '"9007199254"', bigint)).toEqual(range);
    expect(read("version", '"0.1"', { integerMin: -32_768, integerMax: 32_767 })).toEqual(range);
  });

  test("is its text in a text column", () => {
    expect(read("version", '"6.02"', { isText: true, charsMax: 4 })).toBe("6.02");
    expect(read("version", '"2147.1000"', { isText: true })).toBe("2147.1000");
    expect(read("version", '"2.3.0"', { isText: true, charsMax: 4 })).toEqual(tooLong);
    expect(read("version", '"beta"', { isText: true })).toEqual(format);
  });

  test("is its text when masked, whether or not the table is known", () => {
    expect(read("version", '"2.3.0"', undefined, "hmac-sha256")).toBe("2.3.0");
    expect(read("version", '"2.3.0"', { isText: true, charsMax: 47 }, "hmac-sha256")).toBe("2.3.0");
  });
});

describe("json", () => {
  test.each<[string, unknown]>([
    ['{ "a" : [ 1, 2.50, null, true, "x" ] }', '{"a":[1,2.5,null,true,"x"]}'],
    ['"text"', '"text"'],
    ["5", "5"],
    ["[[9007199254740993]]", range],
    ['{"a":1e400}', range],
    ['["a\\u0000"]', { refused: "field.nul-character" }],
    ['{"a\\u0000":1}', { refused: "field.nul-character" }],
    ['["\\ud800"]', { refused: "field.lone-surrogate" }],
    ['{"\\udc00":1}', { refused: "field.lone-surrogate" }],
    [`["${"x".repeat(65_537)}"]`, tooLong],
  ])("%.60s", (written, value) => {
    expect(read("json", written)).toEqual(value);
  });
});

describe("a masked column", () => {
  test("is not held to the length of its tokens' column", () => {
    expect(read("text", JSON.stringify("x".repeat(500)), { isText: true, charsMax: 64 }, "hmac-sha256")).toHaveLength(
      500,
    );
  });

  test.each<[ColumnType, string, string]>([
    ["uuid", "424CDD21-063A-43A7-B91B-7CA1A833AFAE", "424cdd21-063a-43a7-b91b-7ca1a833afae"],
    ["timestamp", "2026-01-31T23:59:59-01:00", "2026-02-01T00:59:59.000000Z"],
    ["date", "2026-01-31T23:59:59-01:00", "2026-02-01"],
  ])("of type %s is brought into one form, but not for sha256", (type, text, oneForm) => {
    const written = JSON.stringify(text);
    expect(read(type, written, undefined, "hmac-sha256")).toBe(oneForm);
    expect(read(type, written, undefined, "sha256")).toBe(text);
  });

  test.each(["sha256", "hmac-over-sha256"] as const)(
    "is an address without what its settings leave out: %s",
    (mask) => {
      const place = { kind: "field", path: ["v"] } as const;
      const settings = { take: "first", strip: "port", otherwise: null } as const;
      const { read: readIp } = createReader(testColumn({ name: "v", type: "ip", mask, ...settings }), place, undefined);
      expect(readIp("2001:DB8::1, 10.0.0.1")).toBe("2001:DB8::1");
      expect(readIp("192.0.2.1:443")).toBe("192.0.2.1");
      expect(readIp("unknown")).toBeNull();
    },
  );

  test("with sha256 is still of its type", () => {
    const value = read("ip", '"010.8.8.8"', undefined, "sha256");
    expect(isRefusal(value as RawValue)).toBe(true);
    expect(value).toEqual(format);
  });
});
