import { describe, expect, test, vi } from "vitest";
import { decoderOf as decoderWithDetails, rowOf } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { withoutDetail } from "../../tests/support/without-detail.ts";
import type { Column, ColumnBounds, Delivery, RawValue, Rejection, RejectionCode } from "../pipeline/contracts.ts";
import type { DecoderOptions } from "./compile-decoder.ts";

const decoderOf = (...options: Parameters<typeof decoderWithDetails>) => withoutDetail(decoderWithDetails(...options));

const field = (name: string, type: Column["type"], changes: Partial<Column> = {}): Column =>
  testColumn({ name, type, ...changes });
const sentAt = (name: string, type: Column["type"]): Column =>
  field(name, type, { origin: { kind: "metadata", name: "sent_at" }, from: "@sent_at" });

/** The columns of the login events. */
const LOGINS: readonly Column[] = [
  field("user_id", "text"),
  field("device_type", "text"),
  field("masked_ip", "ip", { origin: { kind: "field", path: ["ip"] }, from: "ip", mask: "hmac-sha256" }),
  field("masked_device_id", "text", {
    origin: { kind: "field", path: ["device_id"] },
    from: "device_id",
    mask: "hmac-sha256",
  }),
  field("locale", "text", { nullable: true }),
  field("app_version", "version"),
  sentAt("create_date", "date"),
];
const chars = (charsMax: number): ColumnBounds => ({ charsMax, integerMin: null, integerMax: null, isText: true });
const LOGIN_BOUNDS: ReadonlyMap<string, ColumnBounds> = new Map([
  ["user_id", chars(128)],
  ["device_type", chars(32)],
  ["masked_ip", chars(256)],
  ["masked_device_id", chars(256)],
  ["locale", chars(32)],
  ["app_version", { charsMax: null, integerMin: -2_147_483_648, integerMax: 2_147_483_647, isText: false }],
]);

const SENT_AT_MS = Date.UTC(2026, 0, 31, 23, 59, 59, 999);
const delivery = (body: string, changes: Partial<Delivery> = {}): Delivery =>
  testDelivery(body, {
    id: "11111111-2222-3333-4444-555555555555",
    sentAtMs: SENT_AT_MS,
    receivedAtMs: SENT_AT_MS + 5_000,
    ...changes,
  });

const LOGIN = {
  user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae",
  app_version: "2.3.0",
  device_type: "android",
  ip: "199.172.111.135",
  locale: "RU",
  device_id: "593-47-5928",
};
const login = (changes: Record<string, unknown> = {}): string => JSON.stringify({ ...LOGIN, ...changes });
/** The login with one field's value written as it is, which JSON.stringify might not write. */
const loginWith = (name: keyof typeof LOGIN, written: string): string =>
  login({ [name]: "PLACE" }).replace('"PLACE"', () => written);

function decodeLogin(body: string, options: DecoderOptions = { unknownFields: "ignore" }) {
  return decoderOf(LOGINS, LOGIN_BOUNDS, options)(delivery(body));
}
const refusal = (code: RejectionCode, path: string | null): { ok: false; error: Rejection } => ({
  ok: false,
  error: { code, path },
});

test("a login event becomes one value per column, in the columns' order", () => {
  const values = [LOGIN.user_id, "android", "199.172.111.135", "593-47-5928", "RU", 2_003_000, "2026-01-31"];
  expect(decodeLogin(login())).toEqual({
    ok: true,
    value: {
      id: "11111111-2222-3333-4444-555555555555",
      sentAtMs: SENT_AT_MS,
      rows: rowOf(values),
      values,
      unknownFields: [],
      businessId: null,
    },
  });
});

test("a body is not too large for its message's attributes", () => {
  const decode = decoderOf([testColumn({ name: "a", type: "text" })], new Map(), { unknownFields: "ignore" });
  expect(decode(delivery('{"a":"x"}', { bytes: 2_000_000 })).ok).toBe(true);
});

test("a byte order mark is skipped, and what is written behind it is read as it is", () => {
  const columns = [field("a", "json"), field("b", "integer")];
  const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
  expect(decode(delivery('\ufeff{"a":[1.10],"b":1E2}'))).toMatchObject({ value: { values: ["[1.10]", 100] } });
});

describe("bad input: each is refused with its reason and place", () => {
  const nested = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  const keys = (count: number): string => `{${Array.from({ length: count }, (_, at) => `"k${at}":0`).join(",")}}`;

  test.each<[string, string, RejectionCode, string | null]>([
    ["an empty body", "", "body.empty", null],
    ["a blank body", " \r\n\t", "body.empty", null],
    ["a body beyond 1 MiB", login({ locale: "x".repeat(1_048_576) }), "body.too-large", null],
    ["not JSON", "user_id=424cdd21", "body.not-json", null],
    ["dashes that are no number", "-".repeat(200), "body.not-json", null],
    ["cut JSON", login().slice(0, -1), "body.not-json", null],
    ["two values", "{}{}", "body.not-json", null],
    ["a byte order mark alone", "\ufeff", "body.empty", null],
    ["two byte order marks", `\ufeff\ufeff${login()}`, "body.not-json", null],
    ["a byte order mark behind white space", ` \ufeff${login()}`, "body.not-json", null],
    ["an array", `[${login()}]`, "body.not-object", null],
    ["a string", '"text"', "body.not-object", null],
    ["a number", "5", "body.not-object", null],
    ["null", "null", "body.not-object", null],
    ["100,000 nested arrays", "[".repeat(100_000) + "]".repeat(100_000), "body.too-deep", null],
    ["100,000 nested arrays in a field", nested(100_001), "body.too-deep", null],
    ["one level too many", nested(101), "body.too-deep", null],
    ["1,001 keys", keys(1_001), "body.too-many-keys", null],
    ["a declared key twice", login().replace("{", '{"ip":"1.1.1.1",'), "body.duplicate-key", "ip"],
    ["a declared key twice, once escaped", login().replace("{", '{"\\u0069p":"1.1.1.1",'), "body.duplicate-key", "ip"],
    ["an undeclared key twice", login().replace("{", '{"SECRET":1,"SECRET":2,'), "body.duplicate-key", null],
    ["a key twice deep inside", login().replace("{", '{"a":[{"ip":1,"ip":2}],'), "body.duplicate-key", null],
    ["__proto__", login().replace("{", '{"__proto__":{"a":1},'), "body.forbidden-key", null],
    ["__proto__ escaped", login().replace("{", '{"\\u005f_proto__":1,'), "body.forbidden-key", null],
    ["__proto__ deep inside", login().replace("{", '{"a":[{"b":{"__proto__":1}}],'), "body.forbidden-key", null],
    ["the wrong type of event", '{"foo": "oops_wrong_msg_type", "bar": "123"}', "field.missing", "user_id"],
    ["a missing field", login({ ip: undefined }), "field.missing", "ip"],
    ["a null field", login({ ip: null }), "field.null", "ip"],
    ["a number for a text", login({ device_type: 5 }), "field.type", "device_type"],
    ["an object for a text", login({ device_type: {} }), "field.type", "device_type"],
    ["a text one too long", login({ locale: "x".repeat(33) }), "field.too-long", "locale"],
    ["a text of 33 emoji", login({ locale: "\u{1f600}".repeat(33) }), "field.too-long", "locale"],
    ["a masked text above every bound", login({ device_id: "x".repeat(65_537) }), "field.too-long", "device_id"],
    ["999.1.1.1", login({ ip: "999.1.1.1" }), "field.format", "ip"],
    ["010.8.8.8", login({ ip: "010.8.8.8" }), "field.format", "ip"],
    ["127.1", login({ ip: "127.1" }), "field.format", "ip"],
    ["an address with a zone", login({ ip: "fe80::1%eth0" }), "field.format", "ip"],
    ["an emoji for an address", login({ ip: "\u{1f600}" }), "field.format", "ip"],
    ["an empty masked address", login({ ip: "" }), "field.null", "ip"],
    ["a blank masked address", login({ ip: " " }), "field.format", "ip"],
    ["a major version out of range", login({ app_version: "2147.0.0" }), "field.range", "app_version"],
    ["a minor version out of range", login({ app_version: "1.1000" }), "field.range", "app_version"],
    ["a patch version out of range", login({ app_version: "1.0.1000" }), "field.range", "app_version"],
    ["a version of many digits", login({ app_version: "9".repeat(400) }), "field.range", "app_version"],
    ["a version of four parts", login({ app_version: "1.2.3.4" }), "field.format", "app_version"],
    ["a version with a suffix", login({ app_version: "1.2.3-beta" }), "field.format", "app_version"],
    ["a version as a number", login({ app_version: 2.3 }), "field.type", "app_version"],
    ["U+0000", login({ user_id: "a\0b" }), "field.nul-character", "user_id"],
    ["a lone surrogate", loginWith("user_id", '"a\\ud800b"'), "field.lone-surrogate", "user_id"],
    [
      "halves of a pair in the wrong order",
      loginWith("user_id", '"\\ude00\\ud83d"'),
      "field.lone-surrogate",
      "user_id",
    ],
    ["a number of 65 characters for a text", loginWith("user_id", "1".repeat(65)), "field.type", "user_id"],
  ])("%s", (_name, body, code, path) => {
    expect(decodeLogin(body)).toEqual(refusal(code, path));
  });

  test("up to the bounds all is well", () => {
    expect(decodeLogin(login({ extra: JSON.parse(nested(99)) })).ok).toBe(true);
    expect(decodeLogin(login({ extra: JSON.parse(keys(993)) })).ok).toBe(true);
    expect(decodeLogin(login({ extra: JSON.parse(keys(994)) }))).toEqual(refusal("body.too-many-keys", null));
    expect(decodeLogin(login({ device_id: "x".repeat(65_536), locale: "\u{1f600}".repeat(32) })).ok).toBe(true);
    const body = login({ extra: "x".repeat(1_048_576 - login({ extra: "" }).length) });
    expect(Buffer.byteLength(body)).toBe(1_048_576);
    expect(decodeLogin(body).ok).toBe(true);
    expect(decodeLogin(`${body} `)).toEqual(refusal("body.too-large", null));
  });
});

test("an escaped key is the field that it names, whatever keys were read before", () => {
  const columns = [field("first", "text"), field("a", "text")];
  const decode = decoderOf(columns, new Map(), { unknownFields: "quarantine" });
  // The JSON.parse of some versions of V8 takes the key \u0061 for the one that this object has in its place.
  const earlier = JSON.parse('{"first":"0","\\\\":"1"}') as object;
  expect(decode(delivery('{"first":"0","\\u0061":"1"}'))).toMatchObject({ value: { values: ["0", "1"] } });
  expect(Object.keys(earlier)).toEqual(["first", "\\"]);
});

describe("missing, null and unknown", () => {
  test("a nullable column takes a missing and a null field as NULL, and nothing else", () => {
    for (const body of [login({ locale: null }), login({ locale: undefined })]) {
      expect(decodeLogin(body)).toMatchObject({
        ok: true,
        value: { values: expect.arrayContaining([null]) as unknown },
      });
    }
    expect(decodeLogin(login({ locale: 5 }))).toEqual(refusal("field.type", "locale"));
  });

  test("an empty text is NULL in a masked column and a text in any other", () => {
    const columns = [
      field("ip", "ip", { nullable: true, mask: "hmac-sha256" }),
      field("id", "text", { nullable: true, mask: "sha256" }),
      field("locale", "text", { nullable: true }),
    ];
    const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
    expect(decode(delivery('{"ip":"","id":"","locale":""}'))).toMatchObject({ value: { values: [null, null, ""] } });
  });

  test("fields that no column declares are told of, or refused without their name", () => {
    expect(decodeLogin(login({ SECRET: 1 }))).toMatchObject({ ok: true, value: { unknownFields: ["SECRET"] } });
    expect(decodeLogin(login({ SECRET: 1 }), { unknownFields: "quarantine" })).toEqual(refusal("field.unknown", null));
    expect(decodeLogin(login(), { unknownFields: "quarantine" }).ok).toBe(true);
  });

  test("what every object inherits is not a field", () => {
    const columns = [field("constructor", "text"), field("toString.name", "text")];
    const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
    expect(decode(delivery("{}"))).toEqual(refusal("field.missing", "constructor"));
    expect(decode(delivery('{"constructor":"a"}'))).toEqual(refusal("field.missing", "toString.name"));
    expect(decode(delivery('{"constructor":"a","toString":{"name":"b"}}'))).toMatchObject({
      value: { values: ["a", "b"], unknownFields: [] },
    });
  });
});

describe("a dotted path", () => {
  const decodeOs = (body: string, nullable = false) =>
    decoderOf([field("device.os.name", "text", { nullable })], new Map(), { unknownFields: "quarantine" })(
      delivery(body),
    );

  test("is followed through objects", () => {
    expect(decodeOs('{"device":{"model":"x","os":{"name":"ios"}}}')).toMatchObject({ value: { values: ["ios"] } });
  });

  test.each<[string, RejectionCode]>([
    ["{}", "field.missing"],
    ['{"device":{}}', "field.missing"],
    ['{"device":null}', "field.null"],
    ['{"device":{"os":{"name":null}}}', "field.null"],
    ['{"device":"text"}', "field.type"],
    ['{"device":{"os":[]}}', "field.type"],
  ])("%s", (body, code) => {
    expect(decodeOs(body)).toEqual(refusal(code, "device.os.name"));
    expect(decodeOs(body, true).ok).toBe(code !== "field.type");
  });

  test("a repeated first step is named", () => {
    expect(decodeOs('{"device":{},"device":{"os":{"name":"a"}}}')).toEqual(
      refusal("body.duplicate-key", "device.os.name"),
    );
  });
});

describe("a path with indexes and quoted keys", () => {
  const at = (path: readonly (string | number)[], type: Column["type"] = "text"): Column =>
    field("c", type, { origin: { kind: "field", path }, from: "c", nullable: true });
  const decodeAt = (column: Column, body: string): RawValue | Rejection | undefined => {
    const result = decoderOf([column], new Map(), { unknownFields: "ignore" })(delivery(body));
    return result.ok ? result.value.values[0] : result.error;
  };
  const MISTYPED: Rejection = { code: "field.type", path: "c" };

  test.each<[string, (string | number)[], RawValue | Rejection]>([
    ['{"items":[{"sku":"x"},{"sku":"y"}]}', ["items", 1, "sku"], "y"],
    ['{"m":[["a","b"],["c"]]}', ["m", 0, 1], "b"],
    ['{"items":["x"]}', ["items", 1], null],
    ['{"items":[]}', ["items", 0], null],
    ['{"items":null}', ["items", 0], null],
    ['{"items":[null]}', ["items", 0, "sku"], null],
    ['{"user.id":{"a b":"x"}}', ["user.id", "a b"], "x"],
    ['{"@x":"y"}', ["@x"], "y"],
    ['{"items":{"0":"x"}}', ["items", 0], MISTYPED],
    ['{"items":"x"}', ["items", 0], MISTYPED],
    ['{"items":["x"]}', ["items", "length"], MISTYPED],
    ['{"items":["x"]}', ["items", "0"], MISTYPED],
  ])("%s at %j", (body, path, expected) => {
    expect(decodeAt(at(path), body)).toEqual(expected);
  });

  test("gives numbers and JSON as they are written there", () => {
    const body = '{"a":[{"n":4503599627370497.7},{"n":1E2, "j": [1.10 ,{"x":-0}]}]}';
    expect(decodeAt(at(["a", 1, "n"], "integer"), body)).toBe(100);
    expect(decodeAt(at(["a", 0, "n"], "integer"), body)).toEqual({ code: "field.range", path: "c" });
    expect(decodeAt(at(["a", 1, "j"], "json"), body)).toBe('[1.10 ,{"x":-0}]');
  });

  test("declares the field that it begins with", () => {
    const decode = decoderOf([at(["items", 0, "sku"])], new Map(), { unknownFields: "quarantine" });
    expect(decode(delivery('{"items":[{"sku":"x"}]}')).ok).toBe(true);
    expect(decode(delivery('{"sku":"x"}'))).toEqual(refusal("field.unknown", null));
  });
});

describe("several places", () => {
  const PLACES = [
    { kind: "field", path: ["a", "x"] },
    { kind: "field", path: ["b"] },
    { kind: "attribute", name: "C" },
  ] as const;
  const first = (type: Column["type"], changes: Partial<Column> = {}): Column =>
    field("c", type, { origin: { kind: "first", places: PLACES }, from: "a.x or b or @attribute.C", ...changes });
  const decodeFirst = (column: Column, body: string, attribute?: string): RawValue | Rejection | undefined => {
    const attributes = new Map(attribute === undefined ? [] : [["C", attribute]]);
    const result = decoderOf([column], new Map(), { unknownFields: "quarantine" })(delivery(body, { attributes }));
    return result.ok ? result.value.values[0] : result.error;
  };
  const refused = (code: RejectionCode): Rejection => ({ code, path: "a.x or b or @attribute.C" });

  test.each<[string, string | undefined, RawValue | Rejection]>([
    ['{"a":{"x":"1"},"b":"2"}', "3", "1"],
    ['{"a":{},"b":"2"}', "3", "2"],
    ['{"a":null,"b":"2"}', "3", "2"],
    ['{"a":{"x":null},"b":"2"}', "3", "2"],
    ['{"a":"barred","b":"2"}', "3", "2"],
    ["{}", "3", "3"],
    ['{"b":null}', "3", "3"],
    ['{"b":""}', "3", ""],
    ['{"b":5}', "3", refused("field.type")],
    ["{}", undefined, refused("field.missing")],
    ['{"a":{"x":null}}', undefined, refused("field.null")],
    ['{"b":null}', undefined, refused("field.null")],
    ['{"a":"barred","b":null}', undefined, refused("field.type")],
    ['{"a":"barred"}', undefined, refused("field.type")],
  ])("of %s and the attribute %s", (body, attribute, expected) => {
    expect(decodeFirst(first("text"), body, attribute)).toEqual(expected);
  });

  test("without a value are NULL where that may be, unless one is out of reach", () => {
    const nullable = first("text", { nullable: true });
    expect(decodeFirst(nullable, "{}")).toBeNull();
    expect(decodeFirst(nullable, '{"b":null}')).toBeNull();
    expect(decodeFirst(nullable, '{"a":"barred","b":null}')).toEqual(refused("field.type"));
  });

  test("that are empty are passed over where they are masked", () => {
    const masked = first("text", { mask: "hmac-sha256" });
    expect(decodeFirst(masked, '{"a":{"x":""},"b":"2"}')).toBe("2");
    expect(decodeFirst(masked, '{"a":{"x":""}}')).toEqual(refused("field.null"));
  });

  test("give what is written in the one that was taken, event by event", () => {
    const decode = decoderOf([first("json"), first("integer", { name: "n" })], new Map(), {
      unknownFields: "ignore",
    });
    const values = (body: string, attribute?: string): unknown => {
      const attributes = new Map(attribute === undefined ? [] : [["C", attribute]]);
      const result = decode(delivery(body, { attributes }));
      return result.ok ? result.value.values : result.error.code;
    };
    expect(values('{"a":{"x":1E2},"b":4503599627370497.7}')).toEqual(["1E2", 100]);
    expect(values('{"b":1.0e1,"a":{"x":null}}', "4503599627370497.7")).toEqual(["1.0e1", 10]);
    expect(values("{}", "1.20e2")).toEqual(["1.20e2", 120]);
    expect(values('{"a":{"x":4503599627370497.7},"b":1}')).toBe("field.range");
    expect(values('{"a":{},"b":1}')).toEqual(["1", 1]);
  });

  test("take metadata where no field has a value", () => {
    const places = [PLACES[1], { kind: "metadata", name: "sent_at" }] as const;
    const column = field("day", "date", { origin: { kind: "first", places }, from: "b or @sent_at" });
    expect(decodeFirst(column, '{"b":"2020-02-02"}')).toBe("2020-02-02");
    expect(decodeFirst(column, "{}")).toBe("2026-01-31");
  });
});

describe("an SNS notification", () => {
  const columns = [field("Message", "text"), field("TopicArn", "text")];
  const notification = (Message: string, more: object = {}): string =>
    JSON.stringify({ Type: "Notification", TopicArn: "arn:aws:sns:eu-west-1:000000000000:t", Message, ...more });
  const decodeWith = (declared: readonly Column[], body: string) =>
    decoderOf(declared, new Map(), { unknownFields: "ignore" })(delivery(body));

  test.each(['{"a":1}', ' [{"a":1}]'])("of JSON is refused: %s", (published) => {
    expect(decodeWith(columns, notification(published))).toEqual(refusal("body.wrapped", "Message"));
    expect(decodeWith([field("Message", "text", { mask: "hmac-sha256" })], notification(published))).toEqual(
      refusal("body.wrapped", "Message"),
    );
  });

  test("is named where an event's field is missing, or is not declared: it is in what was published", () => {
    const orders = [field("order_id", "text"), field("TopicArn", "text", { nullable: true })];
    expect(decodeWith(orders, notification('{"order_id":"1"}'))).toEqual(refusal("body.wrapped", null));
    expect(decodeWith(orders, notification("disk full"))).toEqual(refusal("field.missing", "order_id"));
    expect(decodeWith(orders, '{"Type":"Notification","Message":"{}"}')).toEqual(refusal("field.missing", "order_id"));
    expect(decodeWith(orders, notification("{}", { order_id: "1" })).ok).toBe(true);
    expect(decodeWith(orders, notification("{}", { order_id: null }))).toEqual(refusal("field.null", "order_id"));

    const strict = decoderOf([field("TopicArn", "text")], new Map(), { unknownFields: "quarantine" });
    expect(strict(delivery(notification('{"order_id":"1"}')))).toEqual(refusal("body.wrapped", null));
    expect(strict(delivery(notification("disk full")))).toEqual(refusal("field.unknown", null));
  });

  test("is taken when no column takes what was published, or that is no JSON", () => {
    expect(decodeWith([field("TopicArn", "text")], notification('{"a":1}')).ok).toBe(true);
    expect(decodeWith(columns, notification("disk full")).ok).toBe(true);
    expect(decodeWith(columns, notification('{"a":1}', { Type: "Other" })).ok).toBe(true);
  });
});

describe("work that the body's size bounds", () => {
  const decode = decoderOf([field("a", "json")], new Map(), { unknownFields: "ignore" });

  test("too many keys are refused before they are parsed, and what is no JSON is called so", () => {
    const keys = Array.from({ length: 1_001 }, (_, index) => `"k${index}":1`).join(",");
    expect(decode(delivery(`{${keys}}`))).toEqual(refusal("body.too-many-keys", null));
    expect(decode(delivery(`{${keys}`))).toEqual(refusal("body.too-many-keys", null));
    expect(decode(delivery("::".repeat(1_000)))).toEqual(refusal("body.not-json", null));
  });

  test("very many objects and arrays are refused, and as many numbers are not", () => {
    const body = (item: string, count: number): string =>
      `{"a":[${Array.from({ length: count }, () => item).join(",")}]}`;
    expect(decode(delivery(body("[1,2]", 16_382))).ok).toBe(true);
    expect(decode(delivery(body("[]", 16_383)))).toEqual(refusal("body.too-costly", null));
    expect(decode(delivery(body("{}", 80_000)))).toEqual(refusal("body.too-costly", null));
    expect(decode(delivery(body("1", 120_000))).ok).toBe(true);
    expect(decode(delivery("[[".repeat(20_000)))).toEqual(refusal("body.too-deep", null));
  });

  test("an escaped key beside very many values is refused: JSON.parse does not read it right", () => {
    const body = (values: number): string => `{"a":[${"0,".repeat(values - 2)}0],"\\u0062":1}`;
    expect(decode(delivery(body(19_990))).ok).toBe(true);
    expect(decode(delivery(body(20_001)))).toEqual(refusal("body.too-costly", null));
    expect(decode(delivery(body(20_001).replace("\\u0062", "b"))).ok).toBe(true);
  });
});

describe("a number as it is written", () => {
  const LONG_ZERO = `1.${"0".repeat(63)}`;

  test.each<[Column["type"], string, RawValue]>([
    ["integer", "4503599627370497.7", "field.range"],
    ["integer", "9007199254740991.4", "field.range"],
    ["integer", "1.00000000000000001", "field.range"],
    ["integer", "0.99999999999999999999", "field.range"],
    ["integer", "1e-400", "field.range"],
    ["integer", `1e-${"9".repeat(60)}`, "field.range"],
    ["integer", LONG_ZERO, "field.range"],
    ["integer", "1".repeat(65), "field.range"],
    ["integer", LONG_ZERO.slice(0, 64), 1],
    ["integer", "9007199254740991.0", 9_007_199_254_740_991],
    ["integer", "-9007199254740991", -9_007_199_254_740_991],
    ["integer", "90071992547409910e-1", 9_007_199_254_740_991],
    ["integer", "0.000000000000000000005e21", 5],
    ["integer", "100.0", 100],
    ["integer", "1E2", 100],
    ["integer", "-0", 0],
    ["integer", "0e99999", 0],
    ["number", "0.12345678901234567890", 0.123_456_789_012_345_68],
    ["number", "9007199254740991.4", 9_007_199_254_740_991],
    ["number", "0.30000000000000004", 0.300_000_000_000_000_04],
    ["number", "5e-324", 5e-324],
    ["number", "-0.0", -0],
    ["number", "6.02e23", 6.02e23],
    ["number", "602000000000000000000000", 6.02e23],
    ["number", "9007199254740992", 2 ** 53],
    ["number", "-1152921504606846976", -(2 ** 60)],
    ["number", "1152921504606847000", 2 ** 60],
    ["number", "1.7976931348623157e308", Number.MAX_VALUE],
    ["number", "9007199254740993", "field.range"],
    ["number", "1152921504606846975", "field.range"],
    ["number", "9007199254740993.5", "field.range"],
    ["number", "123456789012345678901234567890", "field.range"],
    ["number", "6.0200000000000000001e23", "field.range"],
    ["number", "0.000e-400", 0],
    ["number", "1e-400", "field.range"],
    ["number", "-1e-400", "field.range"],
    ["number", "1e400", "field.range"],
    ["number", LONG_ZERO, "field.range"],
    ["number", "1".repeat(65), "field.range"],
    ["json", "1e-400", "field.range"],
    ["json", `0.${"0".repeat(240)}1e-99`, "field.range"],
    ["json", `[1,0.${"0".repeat(320)}1e-9]`, "field.range"],
    ["json", `0.${"0".repeat(330)}1`, "field.range"],
    ["json", `[0.${"0".repeat(240)}]`, `[0.${"0".repeat(240)}]`],
    ["json", `0.${"0".repeat(220)}1e-99`, `0.${"0".repeat(220)}1e-99`],
    ["json", '{"a":[1,-0.1e-324]}', "field.range"],
    ["json", `0.${"0".repeat(400)}1`, "field.range"],
    ["json", "1e400", "field.range"],
    ["json", "5e-324", "5e-324"],
    ["json", "0.12345678901234567890", "0.12345678901234567890"],
    ["json", "-0", "-0"],
    ["json", "9007199254740993", "9007199254740993"],
    ["json", '[{"a":[true,-0.0, 1e22]}]', '[{"a":[true,-0.0, 1e22]}]'],
    ["json", `{"a":${LONG_ZERO}}`, `{"a":${LONG_ZERO}}`],
    ["json", "9".repeat(100), "9".repeat(100)],
    [
      "json",
      '["1e-400 \\" -0",0.30000000000000004,1.10,1E2,100.0,1e-7,0e-400]',
      '["1e-400 \\" -0",0.30000000000000004,1.10,1E2,100.0,1e-7,0e-400]',
    ],
  ])("%s: %s", (type, written, expected) => {
    const columns = [field("n", type), field("o.n", type)];
    const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
    const decoded = (inner: string, outer: string): unknown => {
      const result = decode(delivery(`{"x":{"n":"","o":{"n":7}},"\\u006f" : {"n" : ${inner} } , "n":\n${outer} }`));
      return result.ok ? result.value.values : result.error;
    };
    if (typeof expected === "string" && expected.startsWith("field.")) {
      expect(decoded("1", written)).toEqual({ code: expected, path: "n" });
      expect(decoded(written, "1")).toEqual({ code: expected, path: "o.n" });
    } else {
      expect(decoded(written, written)).toEqual([expected, expected]);
    }
  });

  test.each(["1".repeat(65), `0.${"1".repeat(100)}`, "1e-400", "1e400", "-0"])(
    "%.20s refuses nothing where no column declares it",
    (written) => {
      const columns = [field("a.n", "integer"), field("b", "number"), field("c", "json")];
      const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
      const body = `{"n":${written},"a":{"m":${written},"n":1},"b":0,"c":[1.5],"d":[${written}]}`;
      expect(decode(delivery(body))).toMatchObject({ ok: true, value: { values: [1, 0, "[1.5]"] } });
    },
  );

  test("times, ids and numbers of other columns stand beside one that may be rounded", () => {
    const columns = [
      sentAt("day", "date"),
      field("t", "text"),
      field("absent", "integer", { nullable: true }),
      field("none", "json", { nullable: true }),
    ];
    const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
    expect(decode(delivery('{"t":"1e-400","none":null,"x":1e-400}'))).toMatchObject({
      value: { values: ["2026-01-31", "1e-400", null, null] },
    });
  });
});

describe("metadata", () => {
  const decodeMeta = (column: Column, changes: Partial<Delivery> = {}): RawValue | Rejection | undefined => {
    const result = decoderOf([column], new Map(), { unknownFields: "ignore" })(delivery("{}", changes));
    return result.ok ? result.value.values[0] : result.error;
  };
  const metadata = (
    name: "message_id" | "sent_at" | "received_at" | "group_id",
    type: Column["type"],
    nullable = false,
  ): Column => field(name, type, { origin: { kind: "metadata", name }, from: `@${name}`, nullable });
  const attribute = (type: Column["type"], nullable = false): Column =>
    field("a", type, { origin: { kind: "attribute", name: "A" }, from: "@attribute.A", nullable });
  const withAttribute = (value: string): Partial<Delivery> => ({ attributes: new Map([["A", value]]) });

  test("goes through the same types", () => {
    expect(decodeMeta(metadata("message_id", "uuid"))).toBe("11111111-2222-3333-4444-555555555555");
    expect(decodeMeta(metadata("message_id", "text"))).toBe("11111111-2222-3333-4444-555555555555");
    expect(decodeMeta(metadata("sent_at", "date"))).toBe("2026-01-31");
    expect(decodeMeta(metadata("sent_at", "timestamp"))).toBe("2026-01-31T23:59:59.999000Z");
    expect(decodeMeta(metadata("received_at", "date"))).toBe("2026-02-01");
    expect(decodeMeta(metadata("received_at", "text"))).toBe("2026-02-01T00:00:04.999Z");
    expect(decodeMeta(metadata("group_id", "text"), { groupId: "g" })).toBe("g");
  });

  test("the date follows the message, not the one before", () => {
    const decode = decoderOf([sentAt("day", "date")], new Map(), { unknownFields: "ignore" });
    const days = [0, 86_399_999, 86_400_000, 0].map((sentAtMs) => {
      const result = decode(delivery("{}", { sentAtMs }));
      return result.ok ? result.value.values[0] : null;
    });
    expect(days).toEqual(["1970-01-01", "1970-01-01", "1970-01-02", "1970-01-01"]);
  });

  test("that is not there is missing or NULL", () => {
    expect(decodeMeta(metadata("group_id", "text"))).toEqual({ code: "field.null", path: "@group_id" });
    expect(decodeMeta(metadata("group_id", "text", true))).toBeNull();
    expect(decodeMeta(attribute("text"))).toEqual({ code: "field.missing", path: "@attribute.A" });
    expect(decodeMeta(attribute("text", true))).toBeNull();
  });

  test.each<[Column["type"], string, RawValue | Rejection]>([
    ["text", "5", "5"],
    ["integer", "5", 5],
    ["integer", "-5e2", -500],
    ["integer", "0x5", { code: "field.type", path: "@attribute.A" }],
    ["integer", "", { code: "field.type", path: "@attribute.A" }],
    ["integer", "9007199254740993", "9007199254740993"],
    ["integer", "9223372036854775808", { code: "field.range", path: "@attribute.A" }],
    ["number", "0.5", 0.5],
    ["integer", "4503599627370497.7", { code: "field.range", path: "@attribute.A" }],
    ["number", "1".repeat(65), { code: "field.range", path: "@attribute.A" }],
    ["number", "1e-400", { code: "field.range", path: "@attribute.A" }],
    ["boolean", "true", true],
    ["boolean", "false", false],
    ["boolean", "1", { code: "field.type", path: "@attribute.A" }],
    ["json", ' { "a": [1.10, "x"] } ', '{ "a": [1.10, "x"] }'],
    ["json", '"text"', '"text"'],
    ["json", "5", "5"],
    ["json", "null", { code: "field.null", path: "@attribute.A" }],
    ["json", '["\\u0000"]', { code: "field.nul-character", path: "@attribute.A" }],
    ["json", "[-0]", "[-0]"],
    ["json", "0.12345678901234567890", "0.12345678901234567890"],
    ["json", "[1e-400]", { code: "field.range", path: "@attribute.A" }],
    ["number", "6.02e23", 6.02e23],
    ["number", "9007199254740993", { code: "field.range", path: "@attribute.A" }],
    ["json", "text", { code: "field.format", path: "@attribute.A" }],
    ["json", '{"a":1', { code: "field.format", path: "@attribute.A" }],
    ["json", '{"a":1,"a":2}', { code: "field.format", path: "@attribute.A" }],
    ["json", '[{"__proto__":1}]', { code: "field.format", path: "@attribute.A" }],
  ])("an attribute as %s: %s", (type, value, expected) => {
    expect(decodeMeta(attribute(type), withAttribute(value))).toEqual(expected);
  });

  test("an attribute is parsed once for all columns that read it", () => {
    const parse = vi.spyOn(JSON, "parse");
    const columns = ["a", "b", "c"].map((name) => ({ ...attribute("json"), name }));
    const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
    const texts = (value: string) => decode(delivery("{}", withAttribute(value)));
    expect(texts('{"a":1}')).toMatchObject({ value: { values: ['{"a":1}', '{"a":1}', '{"a":1}'] } });
    // The body, and the attribute.
    expect(parse).toHaveBeenCalledTimes(2);
    expect(texts('{"a":2}')).toMatchObject({ value: { values: ['{"a":2}', '{"a":2}', '{"a":2}'] } });
    parse.mockRestore();
  });

  test("an attribute as json is held to the bounds on a body", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    const keys = (count: number): string => `[${Array.from({ length: count }, () => '{"a":1}').join(",")}]`;
    const padded = (length: number): string => "1".padEnd(length);
    const containers = (count: number): string => `[${"[],".repeat(count - 2)}[]]`;
    const besideEscapedKey = (count: number): string => `{"\\u0061":[${"0,".repeat(count)}0]}`;
    for (const [within, beyond] of [
      [nested(100), nested(101)],
      [keys(1_000), keys(1_001)],
      [padded(1_048_576), padded(1_048_577)],
      [padded(1_048_576), JSON.stringify(Array(9).fill("\u00e9".repeat(60_000)))],
      [containers(16_384), containers(16_385)],
      [besideEscapedKey(19_997), besideEscapedKey(20_001)],
    ] as const) {
      expect(decodeMeta(attribute("json"), withAttribute(within))).toEqual(within.trim());
      expect(decodeMeta(attribute("json"), withAttribute(beyond))).toEqual({
        code: "field.format",
        path: "@attribute.A",
      });
    }
  });
});
