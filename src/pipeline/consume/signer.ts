import { createHmac, hash } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { AwsCredentialIdentity, Checksum, SourceData } from "@smithy/types";

const NOTHING = new Uint8Array();

function bytesOf(data: SourceData): string | Uint8Array {
  if (typeof data === "string") return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** SHA-256, or HMAC with a secret. One-shot, because the signer hands over each text whole: half the cost of a stream. */
export class Sha256 implements Checksum {
  readonly #secret: string | Uint8Array | null;
  #data: Uint8Array = NOTHING;

  constructor(secret?: SourceData) {
    this.#secret = secret === undefined ? null : bytesOf(secret);
  }

  update(chunk: Uint8Array): void {
    this.#data = this.#data.byteLength === 0 ? chunk : Buffer.concat([this.#data, chunk]);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(
      this.#secret === null
        ? hash("sha256", this.#data, "buffer")
        : createHmac("sha256", this.#secret).update(this.#data).digest(),
    );
  }

  reset(): void {
    this.#data = NOTHING;
  }
}

export interface SignableRequest {
  readonly url: URL;
  /** Lower-case names, without `host` and the headers that signing adds. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Signs requests with AWS Signature Version 4, by AWS's own implementation. */
export class Signer {
  readonly #region: string;
  #signer: SignatureV4 | null = null;
  #credentials: AwsCredentialIdentity | null = null;

  constructor(region: string) {
    this.#region = region;
  }

  /** The headers to send: those given, and `host`, `x-amz-date`, `authorization` and what the credentials need. */
  async sign(
    request: SignableRequest,
    credentials: AwsCredentialIdentity,
    date: Date,
  ): Promise<Record<string, string>> {
    const { url } = request;
    const signed = await this.#signerFor(credentials).sign(
      {
        method: "POST",
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: {},
        headers: { host: url.host, ...request.headers },
        body: request.body,
      },
      { signingDate: date },
    );
    return signed.headers;
  }

  #signerFor(credentials: AwsCredentialIdentity): SignatureV4 {
    if (this.#signer === null || this.#credentials !== credentials) {
      this.#credentials = credentials;
      this.#signer = new SignatureV4({ credentials, region: this.#region, service: "sqs", sha256: Sha256 });
    }
    return this.#signer;
  }
}
