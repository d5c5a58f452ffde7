import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Checksum, SourceData } from "@smithy/types";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { Signer, encoded, signingKey } from "./signer.ts";

/** What the library signs with: it brings no hash of its own. */
class Sha256 implements Checksum {
  readonly #hash: Hash | Hmac;

  constructor(secret?: SourceData) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as string | Uint8Array);
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): never {
    throw new Error("not used");
  }
}

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
    const signed = new Signer("sqs", "eu-west-1").sign(
      { method: "POST", host: new URL(endpoint).host, path: "/", headers, body: official.body },
      credentials,
      signedAt(official.headers),
    );
    expect(signed["authorization"]).toBe(authorization);
    for (const name of names) expect(signed[name]).toBe(official.headers[name]);
  });
});

describe("Signer, against AWS's signature library", () => {
  const anyText = fc.string({ unit: "grapheme", maxLength: 40 });
  const name = fc.stringMatching(/^[\w-]{1,20}$/);
  /** As URL gives it: the client takes every path from one. */
  const path = fc.array(fc.oneof(name, anyText, fc.constant("")), { maxLength: 4 }).map((segments) => {
    const url = new URL("http://localhost");
    url.pathname = segments.join("/");
    return url.pathname;
  });
  const value = fc.stringMatching(/^[\x21-\x7e]( ?[\x21-\x7e]){0,20}$/);
  const date = fc.date({ min: new Date("2001-01-01"), max: new Date("2099-12-31"), noInvalidDate: true });

  it("signs any request the same way, in any order of days and identities", async () => {
    const signer = new Signer("sqs", "us-west-2");
    const identity = fc.record(
      { accessKeyId: name, secretAccessKey: value, sessionToken: value },
      { requiredKeys: ["accessKeyId", "secretAccessKey"] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({ path, headers: fc.dictionary(fc.stringMatching(/^x-[a-z]{1,9}$/), value), body: anyText }),
        identity,
        date,
        async ({ path: requestPath, headers, body }, credentials, signingDate) => {
          const official = new SignatureV4({ credentials, region: "us-west-2", service: "sqs", sha256: Sha256 });
          const expected = await official.sign(
            {
              method: "POST",
              protocol: "http:",
              hostname: "localhost",
              path: requestPath,
              query: {},
              headers: { host: "localhost:4566", ...headers },
              body,
            },
            { signingDate },
          );
          const request = { method: "POST", host: "localhost:4566", path: requestPath, headers, body } as const;
          const signed = signer.sign(request, credentials, signingDate);
          expect(signed).toEqual(expected.headers);
          // Once more: what is kept from the first time gives the same.
          expect(signer.sign(request, credentials, signingDate)).toEqual(signed);
        },
      ),
    );
  });
});

test("derives the signing key that AWS publishes", () => {
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html and the older General Reference's example.
  const key = signingKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830/us-east-1/iam/aws4_request");
  expect(key.toString("hex")).toBe("c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
});

describe("Signer, for S3", () => {
  it("signs AWS's published example of a GET as it is published", () => {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    const signed = new Signer("s3", "us-east-1").sign(
      {
        method: "GET",
        host: "examplebucket.s3.amazonaws.com",
        path: "/test.txt",
        headers: { range: "bytes=0-9" },
        body: "",
      },
      { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
      new Date("2013-05-24T00:00:00Z"),
    );
    expect(signed["authorization"]).toBe(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, " +
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
  });

  it("signs any object's path as AWS's library does, slashes and dots as they are", async () => {
    const signer = new Signer("s3", "eu-west-1");
    const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret", sessionToken: "token" };
    const official = new SignatureV4({
      credentials,
      region: "eu-west-1",
      service: "s3",
      sha256: Sha256,
      uriEscapePath: false,
    });
    const segment = fc.oneof(fc.string({ unit: "grapheme", maxLength: 20 }), fc.constantFrom("", ".", "..", "!'()*"));
    const key = fc
      .array(segment, { minLength: 1, maxLength: 5 })
      .map((segments) => segments.join("/"))
      .filter((name) => name.isWellFormed());
    await fc.assert(
      fc.asyncProperty(key, fc.constantFrom("GET", "DELETE"), async (name, method) => {
        const path = `/${name.split("/").map(encoded).join("/")}`;
        const signingDate = new Date("2026-03-01T10:00:00Z");
        const request = { method, protocol: "https:", hostname: "b.s3.eu-west-1.amazonaws.com", path, query: {} };
        const host = request.hostname;
        const expected = await official.sign({ ...request, headers: { host }, body: "" }, { signingDate });
        expect(signer.sign({ method, host, path, headers: {}, body: "" }, credentials, signingDate)).toEqual(
          expected.headers,
        );
      }),
    );
  });
});
