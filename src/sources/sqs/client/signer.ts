import { createHmac, hash } from "node:crypto";
import type { AwsCredentialIdentity } from "@smithy/types";
import { hmacSha256 } from "../../../hmac-sha256.ts";

export interface SignableRequest {
  readonly method: "POST" | "GET" | "DELETE";
  /** As in the Host header. */
  readonly host: string;
  /** As it is sent: absolute and percent-encoded, for SQS as `URL` has it. No query string. */
  readonly path: string;
  /** Lower-case names, without `host` and the headers that signing adds. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/** S3 has its own rule for paths: they are signed as they are sent. */
export type SignedService = "sqs" | "s3";

/** Keys and texts that hold for a whole UTC day and one identity. */
interface DayKey {
  readonly credentials: AwsCredentialIdentity;
  readonly date: string;
  readonly scope: string;
  /** Of the string to sign, in hex. */
  readonly signatureOf: (text: string) => string;
}

/**
 * Signs requests to SQS and S3 with AWS Signature Version 4
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 *
 * Our own, because a request is signed for every five messages: with AWS's implementation that was a quarter of a
 * message's whole cost (docs/decisions/0013-own-signature.md). The tests hold it to AWS's.
 */
export class Signer {
  readonly #service: SignedService;
  readonly #region: string;
  #day: DayKey | null = null;
  #second = Number.NaN;
  #amzDate = "";

  constructor(service: SignedService, region: string) {
    this.#service = service;
    this.#region = region;
  }

  /** The headers to send: those given, and `host`, `x-amz-date`, `authorization` and what the credentials need. */
  sign(request: SignableRequest, credentials: AwsCredentialIdentity, date: Date): Record<string, string> {
    const amzDate = this.#amzDateOf(date);
    const { scope, signatureOf } = this.#dayKey(credentials, amzDate.slice(0, 8));
    const bodyHash = hash("sha256", request.body);
    const headers: Record<string, string> = {
      host: request.host,
      ...request.headers,
      "x-amz-content-sha256": bodyHash,
      "x-amz-date": amzDate,
    };
    const { sessionToken } = credentials;
    if (sessionToken) headers["x-amz-security-token"] = sessionToken;
    const names = Object.keys(headers).sort();
    let canonicalHeaders = "";
    for (const name of names) canonicalHeaders += `${name}:${canonicalValue(headers[name] ?? "")}\n`;
    const signedHeaders = names.join(";");
    const path = this.#service === "s3" ? request.path : canonicalPath(request.path);
    const canonicalRequest = `${request.method}\n${path}\n\n${canonicalHeaders}\n${signedHeaders}\n${bodyHash}`;
    const stringToSign = `${ALGORITHM}\n${amzDate}\n${scope}\n${hash("sha256", canonicalRequest)}`;
    const signature = signatureOf(stringToSign);
    headers["authorization"] =
      `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
    return headers;
  }

  /** `20260131T235959Z` */
  #amzDateOf(date: Date): string {
    const second = Math.floor(date.getTime() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#amzDate = date.toISOString().replace(/\.\d+|[-:]/g, "");
    }
    return this.#amzDate;
  }

  #dayKey(credentials: AwsCredentialIdentity, date: string): DayKey {
    if (this.#day?.date !== date || this.#day.credentials !== credentials) {
      const scope = `${date}/${this.#region}/${this.#service}/aws4_request`;
      const key = signingKey(credentials.secretAccessKey, scope);
      this.#day = { credentials, date, scope, signatureOf: hmacSha256(key, "hex") };
    }
    return this.#day;
  }
}

/** `scope`: date, region, service and `aws4_request`, each of which goes into the key in turn. */
export function signingKey(secretAccessKey: string, scope: string): Buffer {
  let key = Buffer.from(`AWS4${secretAccessKey}`);
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  return key;
}

/** Each segment is encoded, on top of the encoding that the path has already; empty ones are left out. */
function canonicalPath(path: string): string {
  if (path === "/") return path;
  const segments = path.split("/").filter((segment) => segment !== "");
  const end = segments.length > 0 && path.endsWith("/") ? "/" : "";
  return `/${segments.map(encoded).join("/")}${end}`;
}

/** RFC 3986: all but its unreserved characters. */
export const encoded = (segment: string): string =>
  encodeURIComponent(segment).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

const canonicalValue = (value: string): string => (/\s/.test(value) ? value.trim().replace(/\s+/g, " ") : value);
