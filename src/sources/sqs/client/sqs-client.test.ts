import { expect, it } from "vitest";
import { systemClock } from "../../../clock.ts";
import { type CredentialSource, staticCredentials } from "./aws-environment.ts";
import { describeFailure } from "./describe-failure.ts";
import { Retry } from "./retry.ts";
import { Signer } from "./signer.ts";
import { SqsClient } from "./sqs-client.ts";
import { type HttpRequest, Transport } from "./transport.ts";

const CREDENTIALS = staticCredentials({ accessKeyId: "a", secretAccessKey: "s" });

it("ends a call at once when told to, also while the look-up of credentials hangs", async () => {
  const credentials: CredentialSource = {
    known: () => null,
    current: () => new Promise(() => {}),
    refresh: () => Promise.resolve(),
  };
  const client = new SqsClient({
    transport: new Transport(),
    signer: new Signer("sqs", "eu-west-1"),
    credentials,
    retry: new Retry(systemClock, credentials, () => {}, describeFailure),
    region: "eu-west-1",
    queue: "q",
    endpoint: new URL("http://127.0.0.1:9"),
    regionalEndpoint: new URL("http://127.0.0.1:9"),
  });
  const abort = new AbortController();
  const call = client.call("GetQueueUrl", { QueueName: "q" }, abort.signal);
  abort.abort();
  await expect(call).rejects.toThrow();
});

it("takes a queue's URL for an opaque text where an endpoint is set, whose path alone the Query protocol needs", async () => {
  const url = "http://sqs.us-west-1.127.0.0.1:4566/000000000000/q";
  const requests: HttpRequest[] = [];
  const answers = [
    `<GetQueueUrlResponse><GetQueueUrlResult><QueueUrl>${url}</QueueUrl></GetQueueUrlResult></GetQueueUrlResponse>`,
    "<GetQueueAttributesResponse><GetQueueAttributesResult/></GetQueueAttributesResponse>",
  ];
  const client = new SqsClient({
    transport: {
      post(request) {
        requests.push(request);
        const isQuery = request.body.startsWith("Action=");
        return Promise.resolve({
          status: isQuery ? 200 : 404,
          body: isQuery ? (answers.shift() ?? "") : "",
          queryError: null,
          dateMs: null,
        });
      },
    },
    signer: new Signer("sqs", "us-west-1"),
    credentials: CREDENTIALS,
    retry: new Retry(systemClock, CREDENTIALS, () => {}, describeFailure),
    region: "us-west-1",
    queue: "q",
    endpoint: new URL("http://127.0.0.1:4566"),
    regionalEndpoint: new URL("http://127.0.0.1:9"),
  });
  const { signal } = new AbortController();
  const { QueueUrl } = await client.call("GetQueueUrl", { QueueName: "q" }, signal);
  expect(QueueUrl).toBe(url);
  await client.call("GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] }, signal);
  expect(requests.at(-1)).toMatchObject({ origin: "http://127.0.0.1:4566", path: "/000000000000/q" });
  expect(requests.at(-1)?.body).toContain(`QueueUrl=${encodeURIComponent(url)}`);
});
