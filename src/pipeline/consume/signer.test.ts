import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Sha256, Signer } from "./signer.ts";

interface Captured {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** From a signed request back to the moment that it was signed at. */
function signedAt(headers: IncomingHttpHeaders): Date {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(headers["x-amz-date"])) ?? [];
  const [year = 0, month = 0, day, hour, minute, second] = parts.map(Number);
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

describe("Signer, against the official SQS client", () => {
  const captured: Captured[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      captured.push({ headers: request.headers, body });
      response.writeHead(200, { "content-type": "application/x-amz-json-1.0" }).end("{}");
    });
  });
  let endpoint = "";

  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  it.each([
    [
      "lasting credentials",
      { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" },
    ],
    ["a session", { accessKeyId: "ASIAEXAMPLE", secretAccessKey: "secret", sessionToken: "token/with+signs==" }],
  ])("signs the same request with %s the same way", async (_what, credentials) => {
    captured.length = 0;
    const client = new SQSClient({ endpoint, region: "eu-west-1", credentials });
    await client.send(new ReceiveMessageCommand({ QueueUrl: `${endpoint}/1/é`, MaxNumberOfMessages: 10 }));
    client.destroy();
    const [official] = captured;
    if (official === undefined) throw new Error("the official client sent nothing");
    const authorization = String(official.headers.authorization);
    const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? [];
    // What the signer adds by itself must come out the same without being handed over.
    const own = new Set(["host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"]);
    const headers = Object.fromEntries(
      names.filter((name) => !own.has(name)).map((name) => [name, String(official.headers[name])]),
    );
    const signed = await new Signer("eu-west-1").sign(
      { url: new URL(endpoint), headers, body: official.body },
      credentials,
      signedAt(official.headers),
    );
    expect(signed["authorization"]).toBe(authorization);
    for (const name of names) expect(signed[name]).toBe(official.headers[name]);
  });
});

describe("Sha256, in the official signer", () => {
  // AWS's SigV4 test suite, case post-x-www-form-urlencoded (aws-sig-v4-test-suite, IAM documentation).
  it("gives the published signature", async () => {
    const signer = new SignatureV4({
      credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" },
      region: "us-east-1",
      service: "service",
      sha256: Sha256,
      applyChecksum: false,
    });
    const { headers } = await signer.sign(
      {
        method: "POST",
        protocol: "https:",
        hostname: "example.amazonaws.com",
        path: "/",
        headers: { host: "example.amazonaws.com", "content-type": "application/x-www-form-urlencoded" },
        body: "Param1=value1",
      },
      { signingDate: new Date("2015-08-30T12:36:00Z") },
    );
    expect(headers["authorization"]).toBe(
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
        "SignedHeaders=content-type;host;x-amz-date, " +
        "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
  });

  it.each([
    // FIPS 180-4, examples of the NIST; RFC 4231, test case 2.
    [undefined, ["abc"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [undefined, ["a", "bc"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["Jefe", ["what do ya want for nothing?"], "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
  ])("hashes with secret %s", async (secret, chunks, expected) => {
    const hash = new Sha256(secret);
    for (const chunk of chunks) hash.update(Buffer.from(chunk));
    expect(Buffer.from(await hash.digest()).toString("hex")).toBe(expected);
  });
});
