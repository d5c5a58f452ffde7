import { describe, expect, it, test } from "vitest";
import { isPointer, readPointer } from "./s3-pointer.ts";
import { compileFindPointer } from "./unwrap-body.ts";

const CLASS = "software.amazon.payloadoffloading.PayloadS3Pointer";
const OLDER_CLASS = "com.amazon.sqs.javamessaging.MessageS3Pointer";
const pointer = (place: unknown, name = CLASS): string => JSON.stringify([name, place]);
const PLACE = { s3BucketName: "orders-1", s3Key: "a/b c.json" };
const OBJECT = { bucket: "orders-1", key: "a/b c.json" };

describe("readPointer", () => {
  it.each([
    ["of the Java library", pointer(PLACE)],
    ["of its first version", pointer(PLACE, OLDER_CLASS)],
    [
      "of the Python library, with its white space",
      `["${CLASS}", {"s3BucketName": "orders-1", "s3Key": "a/b c.json"}]`,
    ],
    ["with white space before, and a byte order mark", `\ufeff \n[ "${CLASS}",${JSON.stringify(PLACE)}]\n`],
    ["with more than it needs", pointer({ ...PLACE, s3Version: 1 })],
  ])("reads one %s", (_, text) => {
    expect(isPointer(text)).toBe(true);
    expect(readPointer(text)).toEqual(OBJECT);
  });

  it.each([
    ["an event", '{"s3BucketName":"orders-1","s3Key":"k"}'],
    ["an array of events", JSON.stringify([PLACE])],
    ["another class", pointer(PLACE, "software.amazon.payloadoffloading.Other")],
    ["text about it", `see ${pointer(PLACE)}`],
  ])("takes %s for none", (_, text) => {
    expect(isPointer(text)).toBe(false);
    expect(readPointer(text)).toBeNull();
  });

  it.each([
    ["cut off", pointer(PLACE).slice(0, -1)],
    ["of the class alone", JSON.stringify([CLASS])],
    ["of three parts", JSON.stringify([CLASS, PLACE, 1])],
    ["without a place", pointer(null)],
    ["without a key", pointer({ s3BucketName: "orders-1" })],
    ["with a number for a key", pointer({ ...PLACE, s3Key: 5 })],
    ["with an empty key", pointer({ ...PLACE, s3Key: "" })],
    ["with a key of more bytes than S3 has", pointer({ ...PLACE, s3Key: "é".repeat(513) })],
    ["with half a character in its key", pointer({ ...PLACE, s3Key: "a\ud800" })],
    ["with another host for a bucket", pointer({ ...PLACE, s3BucketName: "evil.example/x" })],
    ["with a port in its bucket", pointer({ ...PLACE, s3BucketName: "a:80" })],
    ["with a user in its bucket", pointer({ ...PLACE, s3BucketName: "user@host" })],
    ["with an access point for a bucket", pointer({ ...PLACE, s3BucketName: "arn:aws:s3:eu-west-1:1:accesspoint/a" })],
    ["with a bucket of two characters", pointer({ ...PLACE, s3BucketName: "ab" })],
    ["that is far too long", pointer({ ...PLACE, more: "x".repeat(9_000) })],
  ])("follows none %s", (_, text) => {
    expect(isPointer(text)).toBe(true);
    expect(readPointer(text)).toBeNull();
  });

  it("takes the longest key that S3 has", () => {
    const key = `${"é".repeat(511)}/a`;
    expect(readPointer(pointer({ ...PLACE, s3Key: key }))).toEqual({ ...OBJECT, key });
  });
});

const notification = { Type: "Notification", TopicArn: "arn", Subject: "s", Message: pointer(PLACE) };

test("an object's text takes the place of the pointer, in a notification as well", () => {
  expect(compileFindPointer(["s3", "gzip"])(pointer(PLACE))).toMatchObject({ object: OBJECT });
  expect(compileFindPointer(["s3"])(pointer(PLACE))?.bodyWith("the text")).toBe("the text");
  const inNotification = compileFindPointer(["sns", "s3"])(JSON.stringify(notification));
  expect(inNotification?.object).toEqual(OBJECT);
  expect(JSON.parse(inNotification?.bodyWith('{"a":"é"}') ?? "")).toEqual({ ...notification, Message: '{"a":"é"}' });
});

test("what is not wrapped as the steps say points nowhere", () => {
  expect(compileFindPointer(["s3"])(JSON.stringify(notification))).toBeNull();
  expect(compileFindPointer(["sns", "s3"])(pointer(PLACE))).toBeNull();
  expect(compileFindPointer(["sns", "s3"])(JSON.stringify({ ...notification, Message: "S3Pointer" }))).toBeNull();
  expect(compileFindPointer(["s3"])('{"a":1}')).toBeNull();
});
