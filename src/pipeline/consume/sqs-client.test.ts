import { expect, it } from "vitest";
import { systemClock } from "../../clock.ts";
import type { CredentialSource } from "./aws-environment.ts";
import { Retry } from "./retry.ts";
import { Signer } from "./signer.ts";
import { SqsClient } from "./sqs-client.ts";
import { Transport } from "./transport.ts";

it("ends a call at once when told to, also while the look-up of credentials hangs", async () => {
  const credentials: CredentialSource = {
    known: () => null,
    current: () => new Promise(() => {}),
    refresh: () => Promise.resolve(),
  };
  const client = new SqsClient({
    transport: new Transport(),
    signer: new Signer("eu-west-1"),
    credentials,
    retry: new Retry(systemClock, credentials, () => {}),
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
