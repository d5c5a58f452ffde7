import { describe, expect, it } from "vitest";
import { PiipeError } from "../../../errors.ts";
import { isAwsHost, originOf, parseQueue, regionalEndpoint } from "./queue-address.ts";

describe("parseQueue", () => {
  it.each([
    ["login-queue", { name: "login-queue", url: null, accountId: null, region: null }],
    ["orders.fifo", { name: "orders.fifo", url: null, accountId: null, region: null }],
    ["arn:aws:sqs:eu-west-1:123456789012:q", { name: "q", url: null, accountId: "123456789012", region: "eu-west-1" }],
    [
      "arn:aws-cn:sqs:cn-north-1:123456789012:q.fifo",
      { name: "q.fifo", url: null, accountId: "123456789012", region: "cn-north-1" },
    ],
    [
      "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q",
      { name: "q", url: null, accountId: "123456789012", region: "us-gov-west-1" },
    ],
  ])("reads %s", (text, expected) => {
    expect(parseQueue(text)).toEqual(expected);
  });

  it.each([
    ["https://sqs.eu-west-1.amazonaws.com/123456789012/q", "eu-west-1"],
    ["https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1"],
    ["https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/q", "us-gov-west-1"],
    ["https://sqs.us-east-2.api.aws/123456789012/q", "us-east-2"],
    ["https://vpce-0a1b-2c3d.sqs.eu-central-1.vpce.amazonaws.com/123456789012/q", "eu-central-1"],
    ["https://eu-west-1.queue.amazonaws.com/123456789012/q", "eu-west-1"],
    ["https://queue.amazonaws.com/123456789012/q", "us-east-1"],
    ["http://sqs.us-west-1.localhost.localstack.cloud:4566/000000000000/q", "us-west-1"],
    ["http://localhost:4566/000000000000/q", null],
    ["http://127.0.0.1:9324/q/", null],
    ["http://sqs.us-west-1.127.0.0.1:4566/000000000000/q", "us-west-1"],
  ])("reads the region of %s", (url, region) => {
    expect(parseQueue(url)).toEqual({ name: "q", url, accountId: null, region });
  });

  it.each([
    "",
    "two words",
    "canary/queue",
    "a".repeat(81),
    "queue.fifo.fifo",
    "arn:aws:sns:eu-west-1:123456789012:canary",
    "arn:aws:sqs:eu-west-1:12:canary",
    "https://",
    "https://user:canary@host",
    "ftp://host/canary",
    "https://12:34/canary@host/q",
    "https://host/q?canary",
  ])("refuses %j without quoting it", (text) => {
    const parse = (): unknown => parseQueue(text);
    expect(parse).toThrow(PiipeError);
    expect(parse).not.toThrow(/canary/);
  });
});

it("knows the host that AWS answers at, and refuses a queue's URL that has none without quoting it", () => {
  expect(originOf("https://sqs.eu-west-1.amazonaws.com/123456789012/q").href).toBe(
    "https://sqs.eu-west-1.amazonaws.com/",
  );
  const ask = (): unknown => originOf("http://canary.127.0.0.1:4566/000000000000/q");
  expect(ask).toThrow(
    expect.objectContaining({ code: "config.invalid", hint: expect.stringContaining("endpoint") as string }),
  );
  expect(ask).not.toThrow(/canary/);
});

it.each([
  ["us-west-1", "https://sqs.us-west-1.amazonaws.com/"],
  ["us-gov-east-1", "https://sqs.us-gov-east-1.amazonaws.com/"],
  ["cn-northwest-1", "https://sqs.cn-northwest-1.amazonaws.com.cn/"],
  ["us-iso-east-1", "https://sqs.us-iso-east-1.c2s.ic.gov/"],
  ["us-isob-east-1", "https://sqs.us-isob-east-1.sc2s.sgov.gov/"],
])("knows AWS's endpoint of %s", (region, expected) => {
  expect(regionalEndpoint("sqs", region).href).toBe(expected);
});

it.each([
  ["sqs.eu-west-1.amazonaws.com", true],
  ["sqs.cn-north-1.amazonaws.com.cn", true],
  ["sqs.us-east-2.api.aws", true],
  ["vpce-0a1b-2c3d.sqs.eu-central-1.vpce.amazonaws.com", true],
  ["queue.amazonaws.com", true],
  ["localhost", false],
  ["sqs.us-west-1.localhost.localstack.cloud", false],
  ["notamazonaws.com", false],
])("whether %s is of AWS: %s", (host, expected) => {
  expect(isAwsHost(host)).toBe(expected);
});
