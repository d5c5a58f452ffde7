import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CredentialSource, staticCredentials } from "../sqs/client/aws-environment.ts";
import { Retry } from "../sqs/client/retry.ts";
import { type ByteReply, type ByteRequest, Transport } from "../sqs/client/transport.ts";
import { S3Client } from "./s3-client.ts";
import { describeS3Failure } from "./s3-errors.ts";

const NEVER = new AbortController().signal;
const OBJECT = { bucket: "canary-bucket", key: "canary/ö (1).json" };
const CREDENTIALS = staticCredentials({ accessKeyId: "a", secretAccessKey: "s" });
/** Waits are over at once. */
const HASTY = {
  nowMs: () => Date.now(),
  elapsedMs: () => 0,
  sleep: () => Promise.resolve(),
  random: () => 0,
};

const error = (code: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n  <Code>${code}</Code>\n  <Message>canary</Message><Key>canary</Key></Error>`;

function clientOf(parts: Partial<ConstructorParameters<typeof S3Client>[0]>): S3Client {
  const credentials: CredentialSource = parts.credentials ?? CREDENTIALS;
  return new S3Client({
    region: "eu-west-1",
    endpoint: null,
    credentials,
    retry: new Retry(HASTY, credentials, () => {}, describeS3Failure),
    transport: new Transport(),
    ...parts,
  });
}

describe("S3Client, over HTTP", () => {
  const requests: IncomingMessage[] = [];
  let answer: (response: ServerResponse, request: IncomingMessage) => void = (response) => void response.end();
  const server = createServer((request, response) => {
    requests.push(request);
    answer(response, request);
  });
  let client: S3Client;

  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    client = clientOf({ endpoint: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`) });
  });

  afterAll(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  const fetched = (bytesMax = 100) => {
    requests.length = 0;
    return client.fetch(OBJECT, bytesMax, NEVER);
  };

  it("asks for the object by its path, encoded once", async () => {
    answer = (response) => void response.end("text é");
    expect(await fetched()).toEqual({ kind: "text", text: "text é" });
    expect(requests[0]?.method).toBe("GET");
    expect(requests[0]?.url).toBe("/base/canary-bucket/canary/%C3%B6%20%281%29.json");
    expect(requests[0]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=a\/\d{8}\/eu-west-1\/s3\//);
  });

  it.each(["NoSuchKey", "NoSuchBucket"])("knows from %s that the object is not there", async (code) => {
    answer = (response) => void response.writeHead(404).end(error(code));
    expect(await fetched()).toEqual({ kind: "missing" });
    expect(requests).toHaveLength(1);
  });

  it("does not believe a 404 that S3 did not send", async () => {
    answer = (response) => void response.writeHead(404).end("<html>no such page</html>");
    await expect(fetched()).rejects.toMatchObject({ code: "s3.unavailable", retryable: true });
  });

  it("reads no object that says it has too many bytes", async () => {
    answer = (response) => {
      response.writeHead(200, { "content-length": "1000001" });
      // The rest never comes: whoever waited for it would wait for long.
      response.write("x");
    };
    expect(await fetched(1_000_000)).toEqual({ kind: "too-large" });
    answer = (response) => void response.end("x".repeat(100));
    expect(await fetched(99)).toEqual({ kind: "too-large" });
    expect(await fetched(100)).toMatchObject({ kind: "text" });
  });

  it("stops reading an object that does not say how long it is", async () => {
    answer = (response) => {
      response.writeHead(200, { "transfer-encoding": "chunked" });
      const send = (): void => {
        if (response.destroyed) return;
        response.write("x".repeat(60_000));
        setImmediate(send);
      };
      send();
    };
    expect(await fetched(1_000_000)).toEqual({ kind: "too-large" });
  });

  it("takes bytes that are no UTF-8 for no text", async () => {
    answer = (response) => void response.end(Buffer.from([0x7b, 0xff, 0x7d]));
    expect(await fetched()).toEqual({ kind: "no-text" });
  });

  it.each([
    ["AccessDenied", 403, "s3.denied", false, 1],
    ["InvalidObjectState", 403, "s3.refused", false, 1],
    ["KMS.DisabledException", 400, "s3.refused", false, 1],
    ["NeverHeardOf", 403, "s3.denied", false, 1],
    ["NeverHeardOf", 400, "s3.refused", false, 1],
    ["ExpiredToken", 400, "queue.credentials", true, 2],
    ["InvalidAccessKeyId", 403, "queue.credentials", false, 2],
    ["SignatureDoesNotMatch", 403, "queue.credentials", false, 1],
    ["SlowDown", 503, "s3.throttled", true, 3],
    ["InternalError", 500, "s3.unavailable", true, 3],
    ["NeverHeardOf", 502, "s3.unavailable", true, 3],
  ])("takes %s with status %s for %s", async (code, status, errorCode, retryable, times) => {
    answer = (response) => void response.writeHead(status).end(error(code));
    const failure = await fetched().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(failure).toMatchObject({ code: errorCode, retryable, hint: expect.stringMatching(/^[A-Z].*[.]$/s) });
    expect(JSON.stringify([String(failure), (failure as { hint: string }).hint])).not.toMatch(/canary|undefined|null/);
    expect(requests).toHaveLength(times);
  });

  it("asks again when the connection is cut", async () => {
    let cuts = 0;
    answer = (response) => {
      cuts += 1;
      if (cuts < 3) response.destroy();
      else response.end("{}");
    };
    expect(await fetched()).toEqual({ kind: "text", text: "{}" });
  });

  it("does not wait for ever for an object that comes byte by byte", async () => {
    const hasty = clientOf({ endpoint: client.endpoint, exchangeTimeoutMs: 100 });
    const drips: NodeJS.Timeout[] = [];
    answer = (response) => {
      response.writeHead(200, { "content-length": "1000" });
      drips.push(setInterval(() => response.write("x"), 20));
    };
    requests.length = 0;
    const failure = {
      code: "s3.unreachable",
      retryable: true,
      message: expect.stringContaining("UND_ERR_BODY_TIMEOUT"),
    };
    await expect(hasty.fetch(OBJECT, 1_000, NEVER)).rejects.toMatchObject(failure);
    expect(requests).toHaveLength(3);
    for (const drip of drips) clearInterval(drip);
    await hasty.close();
  });

  it("says that it is S3 which cannot be reached", async () => {
    answer = (response) => void response.destroy();
    const failure = {
      code: "s3.unreachable",
      retryable: true,
      message: expect.stringContaining("cannot reach S3 at http"),
    };
    await expect(fetched()).rejects.toMatchObject(failure);
  });

  it("ends at once when it is told to", async () => {
    const abort = new AbortController();
    answer = () => abort.abort();
    await expect(client.fetch(OBJECT, 100, abort.signal)).rejects.toThrow();
  });

  it.each([
    [204, ""],
    [404, error("NoSuchKey")],
  ])("has deleted an object when the answer is %s", async (status, body) => {
    answer = (response) => void response.writeHead(status).end(body);
    requests.length = 0;
    await client.delete(OBJECT, NEVER);
    expect(requests[0]?.method).toBe("DELETE");
  });

  it("says when an object may not be deleted", async () => {
    answer = (response) => void response.writeHead(403).end(error("AccessDenied"));
    const hint = expect.stringContaining("s3:DeleteObject");
    await expect(client.delete(OBJECT, NEVER)).rejects.toMatchObject({ code: "s3.denied", hint });
  });
});

describe("S3Client, at AWS", () => {
  const hosts: string[] = [];
  const signedFor: string[] = [];
  let regionOf: Readonly<Record<string, string>> = {};
  const transport = {
    request(request: ByteRequest): Promise<ByteReply> {
      const { host } = new URL(request.origin);
      hosts.push(`${host}${request.path}`);
      const region = /\/\d{8}\/([\w-]+)\/s3\//.exec(request.headers["authorization"] ?? "")?.[1] ?? "";
      signedFor.push(region);
      const bucket = host.startsWith("s3.") ? (request.path.split("/")[1] ?? "") : (host.split(".")[0] ?? "");
      const own = regionOf[bucket] ?? "eu-west-1";
      const isRight = own === region;
      return Promise.resolve({
        status: isRight ? 200 : 301,
        dateMs: null,
        headers: { "x-amz-bucket-region": own },
        bytes: Buffer.from(isRight ? "{}" : error("PermanentRedirect")),
      });
    },
    close: () => Promise.resolve(),
  };

  it("names a bucket in the host, and one with dots in the path", async () => {
    hosts.length = 0;
    const client = clientOf({ transport });
    await client.fetch({ bucket: "orders", key: "k" }, 10, NEVER);
    await client.fetch({ bucket: "or.de.rs", key: "k" }, 10, NEVER);
    expect(hosts).toEqual(["orders.s3.eu-west-1.amazonaws.com/k", "s3.eu-west-1.amazonaws.com/or.de.rs/k"]);
  });

  it("follows a bucket into its region, and goes there at once the next time", async () => {
    hosts.length = signedFor.length = 0;
    regionOf = { orders: "us-west-2" };
    const client = clientOf({ transport });
    for (const key of ["a", "b"])
      expect(await client.fetch({ bucket: "orders", key }, 10, NEVER)).toMatchObject({ text: "{}" });
    expect(hosts).toEqual([
      "orders.s3.eu-west-1.amazonaws.com/a",
      "orders.s3.us-west-2.amazonaws.com/a",
      "orders.s3.us-west-2.amazonaws.com/b",
    ]);
    expect(signedFor).toEqual(["eu-west-1", "us-west-2", "us-west-2"]);
  });

  it("follows no region that is none", async () => {
    hosts.length = 0;
    regionOf = { orders: "evil.example/" };
    const client = clientOf({ transport });
    await expect(client.fetch({ bucket: "orders", key: "k" }, 10, NEVER)).rejects.toMatchObject({ code: "s3.refused" });
    expect(new Set(hosts)).toEqual(new Set(["orders.s3.eu-west-1.amazonaws.com/k"]));
  });
});
