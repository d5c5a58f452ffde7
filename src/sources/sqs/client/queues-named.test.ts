import { describe, expect, it } from "vitest";
import { queuesNamed } from "./queue-address.ts";

const WEST = "arn:aws:sqs:us-west-1:000000000000:logins";
const EAST = "arn:aws:sqs:us-east-1:000000000000:logins";
const OTHER = "arn:aws:sqs:us-west-1:000000000000:more-logins";
const MADE_UP = "arn:aws:sqs:elasticmq:000000000000:logins";

describe("queuesNamed", () => {
  it.each([
    ["an ARN means itself alone", WEST, null, [WEST, EAST, OTHER], [WEST]],
    ["a name means every queue of that very name", "logins", null, [WEST, EAST, OTHER], [WEST, EAST]],
    ["a region chooses between two of a name", "logins", "us-east-1", [WEST, EAST], [EAST]],
    [
      "so does the region of a URL",
      "https://sqs.us-west-1.amazonaws.com/000000000000/logins",
      null,
      [WEST, EAST],
      [WEST],
    ],
    ["a region that a server made up is let be", "logins", "us-west-1", [MADE_UP], [MADE_UP]],
    ["a URL of a local server", "http://127.0.0.1:9324/000000000000/logins", null, [MADE_UP, OTHER], [MADE_UP]],
    ["no queue of the name", "login", null, [WEST, OTHER], []],
  ])("%s", (_, queue, region, arns, expected) => {
    expect(queuesNamed({ queue, region }, arns)).toEqual(expected);
  });
});
