import { describe, expect, test } from "vitest";
import { testColumn } from "../../../tests/support/test-column.ts";
import type { Column, ColumnType, MaskName, PiiDetection, RawValue } from "../../pipeline/contracts.ts";
import { isMasked, normalizerOf } from "../column-tokens.ts";
import { compileLeakGuard } from "./leak-guard.ts";

type Verdict = ReturnType<ReturnType<typeof compileLeakGuard>>;

/** The verdict on values that decoding has read, the masked ones normalised as masking does. */
function guard(columns: readonly Column[], values: readonly RawValue[]): Verdict {
  const hidden = columns.map((column, index) => {
    const value = values[index];
    return isMasked(column) && value !== null ? normalizerOf(column)(String(value)) : null;
  });
  return compileLeakGuard([columns])([{ row: { table: 0, values }, hidden }]);
}

const masked = (type: ColumnType, mask: MaskName = "hmac-sha256") => testColumn({ name: "nickname", type, mask });
const open = (type: ColumnType, piiDetection: PiiDetection = "off") =>
  testColumn({ name: "other", from: "out.side", type, piiDetection });

const CLEAN: Verdict = { ok: true, value: [] };
const echoOf = (name: string): Verdict => ({
  ok: false,
  error: { code: "leak.echo", path: "out.side", detail: `the value of ${name}` },
});
const ECHO = echoOf("nickname");

describe("the echo check", () => {
  test.each<[what: string, type: ColumnType, raw: RawValue, outType: ColumnType, out: RawValue]>([
    ["the value", "ip", "203.0.113.9", "text", "203.0.113.9"],
    ["within a text", "ip", "203.0.113.9", "text", "login from 203.0.113.9 at night"],
    ["within a word", "text", "abcde", "text", "xxabcdexx"],
    ["in another case", "text", "Device-AB12", "text", "device-ab12"],
    ["an address in another spelling", "ip", "2001:db8::1", "text", "2001:0DB8:0:0:0:0:0:0001"],
    ["an address in its one form", "ip", "2001:0DB8::0001", "text", "[2001:db8::1]:443"],
    ["a mapped address", "ip", "::ffff:192.0.2.1", "text", "192.0.2.1"],
    ["a mapped address in hex", "ip", "192.0.2.1", "ip", "::FFFF:C000:0201"],
    ["an address in a column of addresses", "ip", "192.0.2.1", "ip", "192.0.2.1"],
    ["without the white space around it", "text", " AB12-x ", "text", "id=AB12-x;"],
    ["composed as decomposed", "text", "J\u00fcrgen", "text", "Mr Ju\u0308rgen"],
    ["decomposed as composed", "text", "Ju\u0308rgen", "text", "Mr J\u00fcrgen!"],
    ["in other letters' case", "text", "\u00c9LODIE", "text", "\u00e9lodie"],
    [
      "a final sigma within a word",
      "text",
      "\u039f\u0394\u039f\u03a3\u03a3",
      "text",
      "x\u039f\u0394\u039f\u03a3\u03a3\u0391",
    ],
    ["a short value", "text", "U12", "text", "U12"],
    ["a short value with white space", "text", "U12", "text", " u12 "],
    ["in JSON", "text", "device-1", "json", '{"a":["device-1"]}'],
    ["in a key of JSON", "text", "device-1", "json", '{"device-1":true}'],
    ["escaped in JSON", "text", 'a"b\\c d', "json", JSON.stringify({ x: 'a"b\\c d' })],
    ["escaped twice", "text", 'a"b\\c d', "json", JSON.stringify({ x: JSON.stringify('a"b\\c d') })],
    ["escaped in a text of JSON", "text", 'a"b\\c d', "text", JSON.stringify({ x: 'a"b\\c d' })],
    ["a short value in JSON", "text", "U12", "json", '{"a":["U12"]}'],
    ["a short number in JSON", "text", "1234", "json", '{"a":[1,1234]}'],
    ["a number in JSON", "integer", 1_234_567, "json", '{"a":1234567}'],
    ["a number with an exponent in JSON", "integer", 4_155_550_132, "json", '{"n":4.155550132e9}'],
    ["a text as a number with an exponent in JSON", "text", "4155550132", "json", '{"n":[1, 41555501.32E+2]}'],
    ["a grouped text as a number with an exponent in JSON", "text", "593-47-5928", "json", '{"n":5.93475928e8}'],
    ["zeros of an exponent in JSON", "integer", 1_000_000_000, "json", '{"n":1e9}'],
    ["a negative exponent in JSON", "number", 1.5e-10, "json", '{"n":15e-11}'],
    ["a small number in JSON", "number", 1.5e-10, "json", '{"n":0.00000000015}'],
    ["a large number in JSON", "number", 4.1555e22, "json", '{"n":41555000000000000000000}'],
    ["decimals of zero in JSON", "integer", 4_155_550_132, "json", '{"n":4155550132.0}'],
    ["a short number with decimals of zero in JSON", "integer", 1_234, "json", '{"n":1234.00}'],
    ["a short number with an exponent in JSON", "integer", 1_234, "json", '{"n": 1.234e3 }'],
    ["zeros behind decimals in JSON", "number", 12.5, "json", '{"n":12.50}'],
    ["the same zeros behind decimals in JSON", "text", "12.50", "json", '{"n":12.50}'],
    ["digits in a word", "text", "12345", "text", "user12345x"],
    ["digits on their own after a longer number", "text", "12345", "text", "9123456, 12345"],
    ["digits in a URL", "text", "12345", "text", "https://example.com/?q=a%2012345%20b"],
    ["digits in JSON within JSON", "text", "12345", "json", '{"a":"{\\\\u002212345\\\\u0022:1}"}'],
    ["seven digits within a longer number", "text", "555-0132", "text", "14155550132"],
    ["digits as an integer", "text", "12345678", "integer", 12_345_678],
    ["short digits as an integer", "text", "421", "integer", 421],
    ["digits with zeros before them", "text", "0012345", "integer", 12_345],
    ["grouped digits as an integer", "text", "593-47-5928", "integer", 593_475_928],
    ["a phone number as an integer", "text", "+1 (415) 555-0132", "integer", 14_155_550_132],
    ["grouped digits without separators", "text", "593-47-5928", "text", "x593475928"],
    ["an integer", "integer", 777, "integer", 777],
    ["an integer as text", "integer", 777, "text", "777"],
    ["a number", "number", 1.25, "number", 1.25],
    ["a number as text", "text", "1.25", "number", 1.25],
    ["a version as an integer", "version", "2.3.0", "version", 2_003_000],
    ["a version as text", "version", "2.3.0", "text", "app 2.3.0"],
    ["a text as a version", "text", "7.31", "version", 7_031_000],
    [
      "a UUID in capitals",
      "uuid",
      "0f8fad5b-d9cb-469f-a165-70867728950e",
      "text",
      "0F8FAD5B-D9CB-469F-A165-70867728950E",
    ],
    [
      "a UUID without dashes",
      "uuid",
      "0f8fad5b-d9cb-469f-a165-70867728950e",
      "text",
      "0f8fad5bd9cb469fa16570867728950e",
    ],
    ["a MAC address without colons", "text", "00:1B:44:11:3A:B7", "text", "001b44113ab7"],
    ["a time", "timestamp", "2026-01-31T23:59:59.000000Z", "timestamp", "2026-01-31T23:59:59.000000Z"],
    ["a time without decimals", "timestamp", "2026-01-31T23:59:59.000000Z", "text", "at 2026-01-31T23:59:59Z"],
    ["a time with a blank", "timestamp", "2026-01-31T23:59:59.120000Z", "text", "2026-01-31 23:59:59.12"],
    ["a time of another zone", "timestamp", "2026-01-31T23:59:59.000000Z", "text", "2026-02-01T01:59:59+02:00"],
    ["a date", "date", "1990-05-17", "text", "born 1990-05-17"],
    ["a date as digits", "date", "1990-05-17", "integer", 19_900_517],
    ["percent-encoded", "text", "jane@example.org", "text", "https://x.example/?m=jane%40example.org"],
    ["percent-encoded letters", "text", "J\u00fcrgen", "text", "?n=J%C3%BCrgen"],
    [
      "percent-encoded in JSON",
      "text",
      "jane@example.org",
      "json",
      '{"u":"https:\\/\\/x.example\\/?m=jane%40example.org"}',
    ],
    ["an escaped character in JSON", "text", "jane@example.org", "json", '{"u":"jane\\u0040example.org"}'],
    ["digits with blanks", "text", "593-47-5928", "text", "SSN 593 47 5928."],
    ["digits with dots", "text", "593-47-5928", "json", '{"a":"593.47.5928"}'],
    ["digits in other groups", "text", "+1 (415) 555-0132", "text", "1-4155 550 132"],
    ["full-width digits", "text", "593-47-5928", "text", "\uff15\uff19\uff13-\uff14\uff17-\uff15\uff19\uff12\uff18"],
    [
      "full-width digits with blanks",
      "text",
      "593-47-5928",
      "text",
      "\uff15\uff19\uff13 \uff14\uff17 \uff15\uff19\uff12\uff18",
    ],
    [
      "full-width letters",
      "text",
      "Device-AB12",
      "text",
      "\uff24\uff25\uff36\uff29\uff23\uff25-\uff21\uff22\uff11\uff12",
    ],
    [
      "digits of mathematics",
      "text",
      "12345678",
      "text",
      "\u{1d7cf}\u{1d7d0}\u{1d7d1}\u{1d7d2}\u{1d7d3}\u{1d7d4}\u{1d7d5}\u{1d7d6}",
    ],
    ["without its accents", "text", "\u00c9lodie", "text", "Mme Elodie"],
    ["percent-encoded digits with blanks", "text", "593-47-5928", "text", "?s=593%2047%205928"],
    ["a MAC address with blanks", "text", "00:1B:44:11:3A:B7", "text", "at 00 1B 44 11 3A B7"],
    ["a mapped address in a URL", "ip", "203.0.113.9", "text", "http://[::ffff:203.0.113.9]/a"],
    ["a mapped address in hex in a URL", "ip", "203.0.113.9", "text", "http://[::FFFF:CB00:7109]:80/a"],
    ["a mapped address with all its groups", "ip", "10.0.0.9", "text", "x 0:0:0:0:0:ffff:a00:9 y"],
    [
      "an address with all its digits within a text",
      "ip",
      "2001:db8::1",
      "text",
      "at 2001:0db8:0000:0000:0000:0000:0000:0001!",
    ],
    ["an address percent-encoded in a URL", "ip", "2001:db8::1", "text", "?ip=2001%3Adb8%3A%3A1"],
    ["a short value in JSON in a text", "text", "U12", "text", '{"a":"U12"}'],
    ["a short value beside white space in JSON", "text", "1234", "json", '{ "a" : [ 1, 1234 ] }'],
  ])("%s", (_what, type, raw, outType, out) => {
    expect(guard([masked(type), open(outType)], [raw, out])).toEqual(ECHO);
    // Whatever stands before and after, in whichever order.
    const around = [
      testColumn({ name: "a", type: "text" }),
      open(outType),
      masked(type),
      testColumn({ name: "b", type: "json" }),
    ];
    expect(guard(around, ["nothing", out, raw, "{}"])).toEqual(ECHO);
  });

  test.each<[what: string, type: ColumnType, raw: RawValue, outType: ColumnType, out: RawValue]>([
    ["another value", "ip", "203.0.113.9", "text", "203.0.113.8"],
    ["another address", "ip", "2001:db8::1", "text", "2001:db8::2"],
    ["a short value within a text", "text", "U12", "text", "U123"],
    ["a short value within JSON", "text", "U12", "json", '{"a":"U123"}'],
    ["a short value as a word in JSON", "text", "U12", "json", '{"a":"the U12, too"}'],
    ["other digits with blanks", "text", "593-47-5928", "text", "593 47 5929 and 47 593 5928"],
    ["a short number within another", "text", "1234", "json", '{"a":12345,"b":0.1234,"c":1234.5}'],
    ["a number with another exponent in JSON", "integer", 4_155_550_132, "json", '{"n":4.155550132e8}'],
    ["an exponent within a string of JSON", "integer", 4_100, "json", '{"n":"4.1e3"}'],
    ["other digits of a version", "text", "2.10", "text", "2.1"],
    ["another number", "integer", 777, "integer", 778],
    ["one or two characters, which are equal by chance", "text", "DE", "text", "DE"],
    ["one or two digits", "integer", 30, "integer", 30],
    ["digits within an integer", "text", "12345", "integer", 1_234_567],
    ["digits within a longer number", "text", "34567", "text", "at 1734567890123"],
    ["digits at the end of a longer number", "integer", 90_123, "json", '{"at":1734567890123}'],
    ["true", "boolean", true, "text", "true"],
    ["true as true", "boolean", true, "boolean", true],
    ["no value", "text", null, "text", "null"],
    ["nothing stored", "text", "abcdef", "text", null],
    [
      "another time of the same second",
      "timestamp",
      "2026-01-31T23:59:59.000000Z",
      "timestamp",
      "2026-01-31T23:59:59.100000Z",
    ],
    ["an unlike version", "version", "2.3.0", "version", 2_003_001],
    ["four parts, which are no version", "ip", "1.2.3.4", "version", 1_002_003],
  ])("passes %s", (_what, type, raw, outType, out) => {
    expect(guard([masked(type), open(outType)], [raw, out])).toEqual(CLEAN);
  });

  test.each<MaskName>(["sha256", "hmac-over-sha256", "aes-siv", "generalize", "redact", "drop"])("with %s", (mask) => {
    expect(guard([masked("ip", mask), open("text")], ["203.0.113.9", "203.0.113.9"])).toEqual(ECHO);
  });

  test("leaves alone what the queue makes, and looks at what the producer gives", () => {
    const verdictOn = (origin: Column["origin"]) =>
      guard(
        [masked("text"), testColumn({ name: "other", from: "out.side", type: "text", origin })],
        ["dev-1", "dev-1"],
      );
    for (const name of ["message_id", "sent_at", "received_at"] as const) {
      expect(verdictOn({ kind: "metadata", name })).toEqual(CLEAN);
    }
    expect(verdictOn({ kind: "metadata", name: "group_id" })).toEqual(ECHO);
    expect(verdictOn({ kind: "attribute", name: "g" })).toEqual(ECHO);
  });

  test("looks beyond many combining marks", () => {
    const marks = "\u0345\u0301".repeat(32_768);
    expect(guard([masked("text"), open("text")], ["abcde", `${marks} ABCDE`])).toEqual(ECHO);
    expect(guard([masked("text"), open("text")], [marks, "abcde"])).toEqual(CLEAN);
  });

  test.each<[which: string, ofMasked: Column["echo"], ofOpen: Column["echo"]]>([
    ["the masked column", "allow", "refuse"],
    ["the column that is stored as it is", "refuse", "allow"],
  ])("passes a common word when %s says `echo: allow`, and goes on looking for other values", (_, ofMasked, ofOpen) => {
    const city = testColumn({ name: "nickname", type: "text", mask: "hmac-sha256", echo: ofMasked as "allow" });
    const email = testColumn({ name: "email", type: "text", mask: "hmac-sha256" });
    const title = testColumn({ name: "title", type: "text", echo: ofOpen as "allow" });
    const note = testColumn({ name: "other", from: "out.side", type: "text" });
    const verdict = (...values: readonly RawValue[]) => guard([city, email, title, note], values);
    expect(verdict("Berlin", "a@b.example", "Berlin Marathon T-Shirt", "x")).toEqual(CLEAN);
    expect(verdict("Berlin", "a@b.example", "T-Shirt", "to a@b.example")).toEqual(echoOf("email"));
    expect(
      guard(
        [
          { ...city, echo: "refuse" },
          { ...title, from: "out.side", echo: "refuse" },
        ],
        ["Berlin", "Berlin Marathon T-Shirt"],
      ),
    ).toEqual(ECHO);
  });

  describe("of what many people share, or what may be a word of a text", () => {
    const verdict = (name: string, value: string, type: ColumnType, out: string) =>
      guard([testColumn({ name, type: "text", mask: "hmac-sha256" }), open(type)], [value, out]);

    test.each([
      ["city", "Berlin", "text", "Berlin Marathon T-Shirt"],
      ["ship_to_city", "New York", "json", '{"title":"New York Giants cap"}'],
      ["shipping.address.city", "Aix-en-Provence", "text", "Guide d'Aix-en-Provence"],
      ["country", "FRANCE", "text", "made in France"],
      ["login", "admin", "text", "the admin panel"],
      ["owner", "Müller", "text", "bei Müllers"],
    ] as const)("%s %s is not found within a text (%s)", (name, value, type, out) => {
      expect(verdict(name, value, type, out)).toEqual(CLEAN);
    });

    test.each([
      ["the whole text", "city", "Berlin", "text", " berlin "],
      ["a string of JSON", "city", "New York", "json", '{"to":["NEW YORK"]}'],
      ["a string of JSON in a text", "login", "admin", "text", '{"by":"admin"}'],
      ["a name in another column", "login", "Élodie", "text", "elodie"],
    ] as const)("it is found as %s", (_what, name, value, type, out) => {
      expect(verdict(name, value, type, out)).toEqual(echoOf(name));
    });

    test.each([
      ["a digit", "city", "Berlin 10115", "to Berlin 10115, please"],
      ["an @", "login", "a@b.example", "by a@b.example"],
      ["several words", "login", "Anna Schmidt", "by Anna Schmidt"],
      ["a mixture of cases", "device", "xKqPzLmW", "of xKqPzLmW"],
      ["more letters than a word", "token", "abcdefghijklmnopqrstuvwxyz", "t=abcdefghijklmnopqrstuvwxyz"],
      ["a personal name", "first_name", "Berlin", "Mr Berlin"],
      ["a personal name of its field", "user.nickname", "admin", "the admin panel"],
    ])("what has %s is found anywhere", (_what, name, value, out) => {
      expect(verdict(name, value, "text", out)).toEqual(echoOf(name));
    });
  });

  test("tells two masked values that begin alike for long from each other", () => {
    const alike = Array.from({ length: 100 }, (_, index) => `x${index}`).join("");
    const columns = [masked("text"), testColumn({ name: "second", type: "text", mask: "drop" }), open("text")];
    expect(guard(columns, [`${alike}a`, `${alike}b`, `-${alike}b-`])).toEqual(echoOf("second"));
    expect(guard(columns, [`${alike}a`, `${alike}b`, `-${alike}c-`])).toEqual(CLEAN);
  });

  test("looks at thousands of rows for thousands of values, and tells of the first", () => {
    const columns = [masked("ip"), masked("text"), open("text"), testColumn({ name: "n", type: "integer" })];
    const rows = Array.from({ length: 3_000 }, (_, index) => {
      const [ip, id] = [`10.1.${index >> 8}.${index & 255}`, `id ${index} é`];
      const values = [ip, id, `2001:db8::${index.toString(16)}`, 5_000_000 + index];
      return { row: { table: 0, values }, hidden: [ip, id, null, null] };
    });
    const verdictOn = (ip: string, id: string) => {
      const row = { table: 0, values: [ip, id, "x", 1] };
      return compileLeakGuard([columns])([...rows, { row, hidden: [ip, id, null, null] }]);
    };
    expect(verdictOn("10.9.9.9", "other é")).toEqual(CLEAN);
    expect(verdictOn("2001:db8::bb7", "other é")).toEqual(ECHO);
    expect(verdictOn("10.9.9.9", "2001:db8::bb7")).toEqual(ECHO);
    expect(verdictOn("10.9.9.9", "5002999")).toMatchObject({ ok: false, error: { code: "leak.echo", path: "n" } });
  });

  test("finds a personal value within a text, though another column has it as a common one", () => {
    const columns = ["city", "first_name"].map((name) => testColumn({ name, type: "text", mask: "hmac-sha256" }));
    expect(guard([...columns, open("text")], ["Berlin", "Berlin", "Mr Berlin"])).toEqual(echoOf("first_name"));
    expect(guard([...columns, open("text")], ["Berlin", "Berlin", "berlin"])).toEqual(echoOf("city"));
  });

  test("lets two masked columns hold the same", () => {
    expect(
      guard([masked("text"), testColumn({ name: "b", type: "text", mask: "drop" })], ["abcdef", "abcdef"]),
    ).toEqual(CLEAN);
  });
});

describe("the detectors", () => {
  const columns = [open("text", "warn"), testColumn({ name: "second", type: "json", piiDetection: "warn" })];

  test("warn: once for each column", () => {
    expect(guard(columns, ["192.0.2.1 and a@b.co", '{"a":"+14155550132"}'])).toEqual({
      ok: true,
      value: [
        { column: "other", detector: "email" },
        { column: "second", detector: "phone" },
      ],
    });
    expect(guard(columns, [null, "{}"])).toEqual(CLEAN);
  });

  test("quarantine: the field is named", () => {
    const refused = { ok: false, error: { code: "leak.detected", path: "out.side" } };
    expect(guard([open("text", "quarantine")], ["a@b.co"])).toEqual(refused);
    expect(guard([open("integer", "quarantine")], [4_111_111_111_111_111])).toEqual(refused);
  });

  test.each(["4.111111111111111e15", "41111111111111110e-1", "4111111111111111.0", "4111111111111111.00"])(
    "look at the digits of a number in JSON: %s",
    (number) => {
      const json = testColumn({ name: "second", type: "json", piiDetection: "warn" });
      const verdict = { ok: true, value: [{ column: "second", detector: "card" }] };
      expect(guard([json], [`{"extra":{"n":${number}}}`])).toEqual(verdict);
    },
  );

  test.each<[what: string, text: string, verdict: string]>([
    ["a name", JSON.stringify({ customer: { name: "Ada" } }), "inner-name"],
    ["a date of birth", ` { "birth_date" : "1815-12-10" }`, "inner-name"],
    ["a name in JSON in JSON", JSON.stringify({ Message: JSON.stringify({ first_name: "Ada" }) }), "inner-name"],
    ["names of several", JSON.stringify({ first_names: ["Ada"] }), "inner-name"],
    ["ids of several", JSON.stringify({ devices: [{ id: "a1" }, { id: "b2" }] }), "inner-name"],
    ["a name in an array", JSON.stringify([1, { last_name: "Lovelace" }]), "inner-name"],
    ["a name behind a cut", JSON.stringify({ last_name: "Lovelace", rest: "x" }).slice(0, -4), "inner-name"],
    ["a name in base64", Buffer.from('{"first_name":"Ada"}').toString("base64"), "inner-name"],
    ["a name in base64url", Buffer.from('{"first_name":"Ada?>"}').toString("base64url"), "inner-name"],
    ["a name in JSON written twice", JSON.stringify(JSON.stringify({ customer: { last_name: "Doe" } })), "inner-name"],
    ["a name in an array written twice", JSON.stringify(` [${JSON.stringify({ last_name: "Doe" })}]`), "inner-name"],
    ["a name behind a byte order mark", `\ufeff${JSON.stringify({ first_name: "Ada" })}`, "inner-name"],
    ["a name behind a no-break space", `\u00a0${JSON.stringify({ first_name: "Ada" })}`, "inner-name"],
    [
      "a name behind one, written twice",
      JSON.stringify(`\ufeff${JSON.stringify({ first_name: "Ada" })}`),
      "inner-name",
    ],
    ["an escaped name", '{"first\\u005fname":"Ada"}', "inner-name"],
    [
      "more keys than are looked at",
      JSON.stringify(Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`k${i}`, 1]))),
      "inner-name",
    ],
    ["an escaped address", '{"to":"ada\\u0040example.org"}', "email"],
    ["an address in JSON in JSON", JSON.stringify({ Message: JSON.stringify({ to: "ada@example.org" }) }), "email"],
    ["an address in base64", Buffer.from('{"to":"ada@example.org"}').toString("base64"), "email"],
  ])("look into JSON in a text: %s", (_what, value, detector) => {
    expect(guard([open("text", "warn")], [value])).toEqual({ ok: true, value: [{ column: "other", detector }] });
    expect(guard([open("text", "quarantine")], [value]).ok).toBe(false);
    expect(guard([open("text", "off")], [value])).toEqual(CLEAN);
  });

  test.each<[what: string, json: unknown, kind: string | null]>([
    ["a name in it", { message: JSON.stringify({ first_name: "Ada" }) }, "inner-name"],
    ["a name in an array in it", [1, `\n[${JSON.stringify({ last_name: "Doe" })}]`], "inner-name"],
    ["a name in JSON in it", { a: JSON.stringify({ b: JSON.stringify({ last_name: "Doe" }) }) }, "inner-name"],
    ["a name in the second of two", ['{"a":1}', JSON.stringify({ last_name: "Doe" })], "inner-name"],
    ["more strings than are looked at", Array<string>(1_001).fill('{"k":1}'), "inner-name"],
    ["no name in it", { message: JSON.stringify({ width: 3, name: "T-Shirt" }) }, null],
    ["a name outside of it", { first_name: "Ada", message: JSON.stringify({ width: 3 }) }, null],
    ["a quotation in it", { text: 'he said "first_name": Ada' }, null],
  ])("look into strings of JSON in JSON: %s", (_what, json, detector) => {
    const column = testColumn({ name: "second", type: "json", piiDetection: "warn" });
    const value = detector === null ? [] : [{ column: "second", detector }];
    expect(guard([column], [JSON.stringify(json)])).toEqual({ ok: true, value });
  });

  test.each([
    JSON.stringify(JSON.stringify({ width: 3, name: "T-Shirt" })),
    '"{see the "first_name": "Ada',
    JSON.stringify({ width: 3, name: "T-Shirt" }),
    JSON.stringify({ first_name: null, last_name: "", email_verified: true, address: {}, phones: [] }),
    "{0f8fad5b-d9cb-469f-a165-70867728950e}",
    "[redacted]",
    'he said "first_name": Ada',
    "eyJhbGciOiJub25l",
  ])("find nothing in %s", (value) => {
    expect(guard([open("text", "warn")], [value])).toEqual(CLEAN);
  });

  test("off, and columns with a mask", () => {
    expect(guard([open("text")], ["a@b.co"])).toEqual(CLEAN);
    expect(guard([testColumn({ name: "m", type: "text", mask: "drop", piiDetection: "warn" })], ["a@b.co"])).toEqual(
      CLEAN,
    );
  });

  test("an echo goes before a suspicion", () => {
    expect(guard([masked("ip"), open("text", "warn")], ["192.0.2.1", "192.0.2.1"])).toEqual(ECHO);
  });
});
