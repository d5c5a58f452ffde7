import { describe, expect, it } from "vitest";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { lambdaHandler } from "./lambda.ts";

const context = { getRemainingTimeInMillis: () => 10_000 };
const failureOf = (config: string | URL | PipelineConfig, event: unknown): Promise<Error> =>
  lambdaHandler({ config })(event, context).then(
    () => Promise.reject(new Error("the invocation did not fail")),
    (error: unknown) => error as Error,
  );
const record = {
  messageId: "canary",
  receiptHandle: "canary",
  body: "canary",
  md5OfBody: "",
  attributes: {},
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:q",
};

describe("lambdaHandler", () => {
  it.each([
    ["a file", "/nowhere/piipe.yaml", "config.not-found"],
    ["a URL of a file", new URL("file:///nowhere/piipe.yaml"), "config.not-found"],
    ["a configuration in code", {} as PipelineConfig, "config.invalid"],
  ])(
    "takes %s; what is wrong with it is an error of each invocation, in one line with its remedy",
    async (_, config, code) => {
      const error = await failureOf(config, { Records: [record] });
      expect(error).toMatchObject({ name: "PiipeError", code, message: expect.stringContaining(`[${code}]`) });
      expect(`${error.message}${error.stack}`).not.toContain("canary");
      // AWS Lambda logs what it finds in an error, and foreign errors quote data.
      expect(error.cause).toBeUndefined();
    },
  );

  it("says what to do with an event that is none of a queue", async () => {
    const { message } = await failureOf("/nowhere/piipe.yaml", { Records: [{ ...record, eventSource: "aws:sns" }] });
    expect(message).toContain("[lambda.event]. Invoke it by an event source mapping");
  });
});
