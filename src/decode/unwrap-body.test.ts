import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { decoderOf, type FlatRecord } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { withoutDetail } from "../../tests/support/without-detail.ts";
import type { Column, Delivery, Rejection, Result, UnwrapStep } from "../pipeline/contracts.ts";
import { BODY_BYTES_MAX } from "./limits.ts";

const delivery = (body: string, attributes: readonly (readonly [string, string])[] = []): Delivery =>
  testDelivery(body, { attributes: new Map(attributes) });

const metadata = (name: "topic" | "subject" | "timestamp" | "message_id", type: Column["type"]): Column =>
  testColumn({ name, type, origin: { kind: "metadata", name: `sns.${name}` }, from: `@sns.${name}`, nullable: true });
const attribute = (name: string): Column =>
  testColumn({ name, type: "text", origin: { kind: "attribute", name }, from: `@attribute.${name}`, nullable: true });

const A = testColumn({ name: "a", type: "json" });

function decodeWith(unwrap: readonly UnwrapStep[], columns: readonly Column[], message: Delivery) {
  return withoutDetail(decoderOf(columns, new Map(), { unknownFields: "ignore", unwrap }))(message);
}
const valuesOf = (result: Result<FlatRecord, Rejection>): unknown => (result.ok ? result.value.values : result.error);
const decode = (unwrap: readonly UnwrapStep[], body: string): unknown =>
  valuesOf(decodeWith(unwrap, [A], delivery(body)));

const base64 = (content: string | Uint8Array): string => Buffer.from(content).toString("base64");
const gzip = (text: string | Uint8Array): string => base64(gzipSync(text));
const sns = (Message: unknown, more: object = {}): string =>
  JSON.stringify({
    Type: "Notification",
    MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    TopicArn: "arn:aws:sns:us-west-2:123456789012:orders",
    Subject: "An order",
    Message,
    Timestamp: "2026-05-02T00:54:06.655Z",
    SignatureVersion: "1",
    Signature: "EXAMPLEw6JRN",
    UnsubscribeURL: "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
    ...more,
  });
const refusal = (step: UnwrapStep, code = "body.wrapping"): object => ({ code, path: `unwrap: ${step}` });

const POINTER = JSON.stringify([
  "software.amazon.payloadoffloading.PayloadS3Pointer",
  { s3BucketName: "bucket", s3Key: "key" },
]);

const EVENT = '{"a":[1.10,"é"]}';
const VALUE = ['[1.10,"é"]'];

test.each<[readonly UnwrapStep[], string]>([
  [["sns"], sns(EVENT)],
  // As its source gives what pointed to an object, and what did not.
  [["s3"], EVENT],
  [["s3", "gzip"], gzip(EVENT)],
  [["sns", "s3", "gzip"], sns(gzip(EVENT))],
  [["base64"], base64(EVENT)],
  [["gzip"], gzip(EVENT)],
  [["base64", "gzip"], gzip(EVENT)],
  [["json"], JSON.stringify(EVENT)],
  [["json", "json"], JSON.stringify(JSON.stringify(EVENT))],
  [["sns", "gzip"], sns(gzip(EVENT))],
  [["sns", "json", "base64", "gzip"], sns(JSON.stringify(gzip(EVENT)))],
  [["gzip", "sns", "base64"], gzip(sns(base64(EVENT)))],
  [["gzip", "gzip"], gzip(gzipSync(EVENT))],
  [["gzip", "base64", "gzip"], gzip(gzip(EVENT))],
])("%j: the event is what is inside", (steps, body) => {
  expect(decode(steps, body)).toEqual(VALUE);
});

test("a byte order mark is skipped at every level", () => {
  const mark = "\ufeff";
  expect(decode(["sns", "gzip", "json"], mark + sns(mark + gzip(mark + JSON.stringify(mark + EVENT))))).toEqual(VALUE);
  expect(decode(["base64"], mark + base64(mark + EVENT))).toEqual(VALUE);
});

describe("base64", () => {
  const BYTES = '{"a":"~~~???>>>"}';
  test.each([
    ["with padding", base64(BYTES)],
    ["without padding", base64(BYTES).replace(/=+$/, "")],
    ["for URLs", Buffer.from(BYTES).toString("base64url")],
    ["on lines", base64(BYTES).replace(/(.{5})/g, "$1\r\n")],
    ["with a last line's end", `${base64(BYTES)}\n`],
  ])("is taken %s", (_form, body) => {
    expect(decode(["base64"], body)).toEqual(['"~~~???>>>"']);
  });

  test.each([
    ["another character", `${base64(EVENT).slice(0, 4)}*${base64(EVENT).slice(5)}`],
    ["blanks inside", `${base64(EVENT).slice(0, 4)} ${base64(EVENT).slice(4)}`],
    ["padding inside", `eyJh=${base64(EVENT)}`],
    ["too much padding", `${base64(EVENT)}=`],
    ["one character of a group", "eyJhI"],
    ["plain JSON", EVENT],
    ["what is no UTF-8", base64(Uint8Array.of(0x7b, 0xff, 0x7d))],
    ["a surrogate in three bytes", base64(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))],
  ])("is refused: %s", (_what, body) => {
    expect(decode(["base64"], body)).toEqual(refusal("base64"));
  });

  test("of nothing is an empty body", () => {
    expect(decode(["json", "base64"], '""')).toEqual({ code: "body.empty", path: null });
    expect(decode(["base64"], " ")).toEqual({ code: "body.empty", path: null });
  });
});

describe("gzip", () => {
  const padded = (bytes: number): string => EVENT.padEnd(bytes - 1);

  test("may unpack to as much as a body, and no more", () => {
    expect(Buffer.byteLength(padded(BODY_BYTES_MAX))).toBe(BODY_BYTES_MAX);
    expect(decode(["gzip"], gzip(padded(BODY_BYTES_MAX)))).toEqual(VALUE);
    expect(decode(["gzip"], gzip(padded(BODY_BYTES_MAX + 1)))).toEqual(refusal("gzip", "body.too-large"));
  });

  test("says how much it unpacked, where that is more than was received", () => {
    const record = (unwrap: readonly UnwrapStep[], body: string): number | undefined => {
      const result = decodeWith(unwrap, [A], delivery(body));
      return result.ok ? result.value.unpackedBytes : -1;
    };
    expect(record(["gzip"], gzip(padded(100_000)))).toBe(100_000);
    expect(record(["gzip"], gzip(EVENT))).toBeUndefined();
    expect(record(["sns"], sns(EVENT))).toBeUndefined();
    expect(record([], padded(100_000))).toBeUndefined();
  });

  test("a bomb is refused while it inflates: of 100 MB little more than the bound is held", () => {
    const inner = gzipSync(Buffer.alloc(100_000_000));
    const body = base64(inner);
    expect(body.length).toBeLessThan(BODY_BYTES_MAX);
    const before = process.memoryUsage().arrayBuffers;
    expect(decode(["gzip"], body)).toEqual(refusal("gzip", "body.too-large"));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * BODY_BYTES_MAX);
    expect(decode(["gzip", "gzip"], gzip(inner))).toEqual(refusal("gzip", "body.too-large"));
  });

  test.each([
    ["other bytes", base64("plain text")],
    ["no bytes", '""'],
    ["a cut stream", base64(gzipSync(EVENT).subarray(0, -9))],
    ["a wrong checksum", base64(Buffer.concat([gzipSync(EVENT).subarray(0, -8), Buffer.alloc(8)]))],
    ["no base64", "plain text"],
    ["what is no UTF-8", gzip(Uint8Array.of(0x7b, 0xff, 0x7d))],
  ])("is refused: %s", (_what, body) => {
    const steps: readonly UnwrapStep[] = body === '""' ? ["json", "gzip"] : ["gzip"];
    expect(decode(steps, body)).toEqual(refusal("gzip"));
  });
});

test.each([
  ["an object", EVENT],
  ["a string that is not closed", '"{}'],
  ["something behind the string", '"{}"{}'],
  ["a text without quotes", "text"],
])("json is refused: %s", (_what, body) => {
  expect(decode(["json"], body)).toEqual(refusal("json"));
});

const cut = base64(gzipSync(EVENT).subarray(0, -9));

test.each<[readonly UnwrapStep[], string, string]>([
  [["gzip"], EVENT, "expected gzip in base64, found JSON"],
  [["gzip"], `\ufeff${sns(EVENT)}`, "expected gzip in base64, found an SNS notification"],
  [["gzip"], JSON.stringify(EVENT), "expected gzip in base64, found a JSON string"],
  [["gzip"], "no base64", "expected gzip in base64, found other text"],
  [["gzip"], base64("plain text"), "expected gzip in base64, found base64 of something else"],
  [["gzip"], cut, "damaged gzip"],
  [["base64", "gzip"], cut, "damaged gzip"],
  [["base64", "gzip"], base64("plain text"), "expected gzip, found other bytes"],
  [["gzip"], gzip(Uint8Array.of(0xff)), "found bytes that are no UTF-8"],
  [["base64"], gzip(EVENT), "found gzip"],
  [["base64", "json"], base64(Uint8Array.of(0xff)), "expected a JSON string, found bytes that are no UTF-8"],
  [["base64", "json"], base64(EVENT), "expected a JSON string, found JSON"],
  [["json"], '"{}', "expected a JSON string, found other text"],
  [["base64"], EVENT, "expected base64, found JSON"],
  [["sns"], EVENT, "expected an SNS notification, found JSON"],
  [["sns"], sns({ a: 1 }), "expected an SNS notification, found JSON"],
  [["sns"], gzip(EVENT), "expected an SNS notification, found gzip in base64"],
])("%j of %s: %s", (unwrap, body, detail) => {
  const decodeDetailed = decoderOf([A], new Map(), { unknownFields: "ignore", unwrap });
  expect(decodeDetailed(delivery(body))).toEqual({
    ok: false,
    error: { code: "body.wrapping", path: `unwrap: ${unwrap.at(-1)}`, detail },
  });
});

test("JSON inside of JSON is held to every bound on a body", () => {
  const nested = `{"a":${"[".repeat(100)}${"]".repeat(100)}}`;
  expect(decode(["json"], JSON.stringify(nested))).toEqual({ code: "body.too-deep", path: null });
  expect(decode(["sns"], sns('{"a":1,"a":2}'))).toEqual({ code: "body.duplicate-key", path: "a" });
});

describe("sns", () => {
  test("tells what it says of the event", () => {
    const columns = [
      metadata("topic", "text"),
      metadata("subject", "text"),
      metadata("timestamp", "timestamp"),
      metadata("message_id", "uuid"),
      A,
    ];
    expect(valuesOf(decodeWith(["sns"], columns, delivery(sns(EVENT))))).toEqual([
      "arn:aws:sns:us-west-2:123456789012:orders",
      "An order",
      "2026-05-02T00:54:06.655000Z",
      "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
      ...VALUE,
    ]);
    const without = sns(EVENT, { Subject: null, TopicArn: undefined });
    expect(valuesOf(decodeWith(["sns"], columns.slice(0, 2), delivery(without)))).toEqual([null, null]);
    expect(valuesOf(decodeWith(["sns"], columns, delivery(sns(EVENT, { Subject: 5 }))))).toEqual({
      code: "field.type",
      path: "@sns.subject",
    });
  });

  test("gives the attributes that were published before those of the message", () => {
    const MessageAttributes = {
      both: { Type: "String", Value: "published" },
      bytes: { Type: "Binary", Value: "AAEC" },
      odd: "text",
      unread: { Type: "String", Value: "x" },
    };
    const columns = ["both", "own", "bytes", "odd", "constructor"].map(attribute);
    const message = delivery(sns(EVENT, { MessageAttributes }), [
      ["both", "of the message"],
      ["own", "of the message"],
    ]);
    expect(valuesOf(decodeWith(["sns"], columns, message))).toEqual(["published", "of the message", null, null, null]);
    expect(message.attributes.get("both")).toBe("of the message");
  });

  test.each(["SubscriptionConfirmation", "UnsubscribeConfirmation"])("refuses a %s with its own reason", (Type) => {
    expect(decode(["sns"], sns("You have chosen to subscribe …", { Type, Token: "2336412f37" }))).toEqual(
      refusal("sns", "body.confirmation"),
    );
  });

  test.each([
    ["the event itself", EVENT],
    ["another type", sns(EVENT, { Type: "Other" })],
    ["no message", sns(undefined)],
    ["a message that is no text", sns({ a: 1 })],
    ["an array", `[${sns(EVENT)}]`],
    ["no JSON", "text"],
    ["a key twice", `${sns(EVENT).slice(0, -1)},"Message":"{}"}`],
    ["__proto__", `${sns(EVENT).slice(0, -1)},"__proto__":{}}`],
    ["great depth", `${sns(EVENT).slice(0, -1)},"x":${"[".repeat(100)}${"]".repeat(100)}}`],
  ])("is refused: %s", (_what, body) => {
    expect(decode(["sns"], body)).toEqual(refusal("sns"));
  });
});

test("a body beyond the bound is refused before it is looked into", () => {
  expect(decode(["json"], JSON.stringify(EVENT.padEnd(BODY_BYTES_MAX)))).toEqual({
    code: "body.too-large",
    path: null,
  });
});

const step = fc.constantFrom<UnwrapStep>("sns", "base64", "gzip", "json");
/** In bytes, gzip is as it is; in a text it is base64. */
function wrapped(steps: readonly UnwrapStep[], event: string): string {
  const isInBytes = (index: number): boolean => steps[index - 1] === "base64" || steps[index - 1] === "gzip";
  const body = steps.reduceRight((inner: string | Buffer, each, index) => {
    if (each === "gzip") return isInBytes(index) ? gzipSync(inner) : gzip(inner);
    if (each === "base64") return base64(inner);
    return each === "sns" ? sns(inner) : JSON.stringify(inner);
  }, event);
  return String(body);
}

test("what is wrapped comes out as it was", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), fc.string({ unit: codePoint, maxLength: 200 }), (steps, text) => {
      const value = JSON.stringify(text);
      const result = decode(steps, wrapped(steps, `{"a":${value}}`));
      if (text.includes("\0")) expect(result).toEqual({ code: "field.nul-character", path: "a" });
      else expect(result).toEqual(text.isWellFormed() ? [value] : { code: "field.lone-surrogate", path: "a" });
    }),
    { numRuns: 300 },
  );
});

test("no text makes unwrapping throw, and no reason holds any of it", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 4 }),
      fc.oneof(
        fc.string({ unit: codePoint, maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }).map(base64),
        fc.uint8Array({ maxLength: 300 }).map((bytes) => base64(Buffer.concat([gzipSync("x").subarray(0, 10), bytes]))),
        fc.json(),
      ),
      (steps, body) => {
        const result = decodeWith(steps, [testColumn({ name: "a", type: "json", nullable: true })], delivery(body));
        if (result.ok) return;
        const paths = [null, "a", ...steps.map((each) => `unwrap: ${each}`)];
        expect(paths).toContain(result.error.path);
      },
    ),
    { numRuns: 1_000 },
  );
});

describe("a pointer to an object in S3", () => {
  const rejection: Rejection = { code: "body.object-missing", path: "unwrap: s3" };

  test("is refused for what its source found, whatever the body is by itself", () => {
    for (const body of [POINTER, EVENT])
      expect(valuesOf(decodeWith(["s3", "gzip"], [A], { ...delivery(body), rejection }))).toEqual(rejection);
    expect(valuesOf(decodeWith(["sns", "s3"], [A], { ...delivery(sns(POINTER)), rejection }))).toEqual(rejection);
  });

  test("is refused where nobody has fetched the object, or could", () => {
    expect(decode(["s3"], POINTER)).toEqual(refusal("s3", "body.pointer"));
    expect(decode(["s3", "gzip"], `\ufeff${POINTER.replace("bucket", "b")}`)).toEqual(refusal("s3", "body.pointer"));
    expect(decode(["sns", "s3"], sns(POINTER))).toEqual(refusal("s3", "body.pointer"));
  });

  test("is told from other arrays without the step", () => {
    expect(decode([], POINTER)).toEqual({ code: "body.pointer", path: null });
    expect(decode(["sns"], sns(POINTER))).toEqual({ code: "body.pointer", path: null });
    expect(decode([], "[1]")).toEqual({ code: "body.not-object", path: null });
  });
});
