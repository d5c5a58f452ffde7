import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { findWrapping } from "./find-wrapping.ts";

const EVENT = '{"a":1}';
const POINTER = JSON.stringify([
  "software.amazon.payloadoffloading.PayloadS3Pointer",
  { s3BucketName: "large-events", s3Key: "k" },
]);
const sns = (Message: string): string =>
  JSON.stringify({ Type: "Notification", TopicArn: "arn:aws:sns:eu-west-1:000000000000:t", Message });
const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64");

it.each<[string, readonly string[], readonly string[]]>([
  ["nothing where they are objects", [EVENT, EVENT], []],
  ["nothing where there is none", [], []],
  ["nothing where no way leads to objects", ["hello", "abcd"], []],
  ["nothing around an array", ["[1,2]"], []],
  ["sns", [sns(EVENT)], ["sns"]],
  ["nothing around a notification of a text", [sns("hello")], []],
  ["base64", [base64(EVENT)], ["base64"]],
  ["gzip, which takes base64", [base64(gzipSync(EVENT))], ["gzip"]],
  ["json", [JSON.stringify(EVENT)], ["json"]],
  ["several, outermost first", [sns(base64(gzipSync(JSON.stringify(EVENT))))], ["sns", "gzip", "json"]],
  ["what half of them are wrapped in", [sns(EVENT), "broken"], ["sns"]],
  ["what a byte order mark begins", [`\ufeff${sns(`\ufeff${EVENT}`)}`], ["sns"]],
  ["s3 where one points there", [EVENT, EVENT, POINTER], ["s3"]],
  ["s3 within a notification", [sns(EVENT), sns(EVENT), sns(POINTER)], ["sns", "s3"]],
])("the wrapping of events is %s", (_, bodies, steps) => {
  expect(findWrapping(bodies)).toEqual(steps);
});
