import { describe, expect, it } from "vitest";
import { mayMeanQueue } from "./queue-address.ts";

const ARN = "arn:aws:sqs:us-west-1:123456789012:logins";
const MADE_UP = "arn:aws:sqs:elasticmq:000000000000:logins";

describe("mayMeanQueue", () => {
  it.each([
    ["its ARN", ARN, null, ARN, true],
    ["another ARN", ARN.replace("west", "east"), null, ARN, false],
    ["its name", "logins", null, ARN, true],
    ["another name", "login", null, ARN, false],
    ["its name and region", "logins", "us-west-1", ARN, true],
    ["its name in another region", "logins", "us-east-1", ARN, false],
    ["its URL", "https://sqs.us-west-1.amazonaws.com/123456789012/logins", null, ARN, true],
    ["the URL of another account's", "https://sqs.us-west-1.amazonaws.com/210987654321/logins", null, ARN, false],
    ["the URL of another region's", "https://sqs.us-east-1.amazonaws.com/123456789012/logins", null, ARN, false],
    ["the URL of a local server", "http://127.0.0.1:9324/000000000000/logins", null, MADE_UP, true],
  ])("%s", (_, queue, region, arn, expected) => {
    expect(mayMeanQueue({ queue, region }, arn)).toBe(expected);
  });
});
