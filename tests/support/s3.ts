import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** A bucket of the test's queue server, which serves S3 as well. */
export interface TestBucket {
  readonly name: string;
  put(key: string, content: string | Uint8Array): Promise<void>;
  /** As the Java library sends it. */
  pointerTo(key: string): string;
  /** The keys of what is in it. */
  keys(): Promise<readonly string[]>;
  remove(key: string): Promise<void>;
}

export const POINTER_CLASS = "software.amazon.payloadoffloading.PayloadS3Pointer";

/** Requests need no signature there. */
export async function createTestBucket(endpoint: string): Promise<TestBucket> {
  const name = `test-${randomBytes(8).toString("hex")}`;
  const urlOf = (key: string): string => `${endpoint}/${name}/${key.split("/").map(encodeURIComponent).join("/")}`;
  const call = async (url: string, init: RequestInit): Promise<string> => {
    const response = await fetch(url, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${init.method} ${url}: ${response.status} ${text}`);
    return text;
  };
  await call(`${endpoint}/${name}`, { method: "PUT" });
  return {
    name,
    put: async (key, content) => void (await call(urlOf(key), { method: "PUT", body: content as string })),
    pointerTo: (key) => JSON.stringify([POINTER_CLASS, { s3BucketName: name, s3Key: key }]),
    async keys() {
      const list = await call(`${endpoint}/${name}?list-type=2`, { method: "GET" });
      return [...list.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = ""]) => key);
    },
    remove: async (key) => void (await call(urlOf(key), { method: "DELETE" })),
  };
}

export interface ObjectRequest {
  readonly method: string;
  readonly path: string;
}

/** Stands before a server of S3, to make what such a server never does by itself. */
export interface S3Proxy {
  readonly endpoint: string;
  readonly requests: ObjectRequest[];
  /** Answers instead of the server; undefined: forward. */
  answer: (request: ObjectRequest, response: ServerResponse) => true | undefined;
  stop(): Promise<void>;
}

/** What S3 answers with instead of an object. */
export function answerWithError(response: ServerResponse, status: number, code: string): true {
  response.writeHead(status, { "content-type": "application/xml" }).end(`<Error><Code>${code}</Code></Error>`);
  return true;
}

export async function startS3Proxy(backend: string): Promise<S3Proxy> {
  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = { method: incoming.method ?? "", path: incoming.url ?? "" };
    const body = await buffer(incoming);
    proxy.requests.push(request);
    if (proxy.answer(request, outgoing) === true) return;
    const reply = await fetch(`${backend}${request.path}`, {
      method: request.method,
      ...(body.length > 0 && { body }),
    });
    outgoing.writeHead(reply.status).end(Buffer.from(await reply.arrayBuffer()));
  }

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const proxy: S3Proxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answer: () => undefined,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return proxy;
}
