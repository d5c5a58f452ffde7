import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Forwarder } from "./forwarder.ts";

export interface ProxiedRequest {
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ProxyReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Stands in front of a server that speaks SQS's JSON protocol, to make what such a server never does by itself. */
export interface SqsProxy {
  readonly endpoint: string;
  readonly requests: ProxiedRequest[];
  /** Answers instead of the server: a reply, `hang up` for a cut connection, `hang` for no answer. undefined: forward. */
  answer: (request: ProxiedRequest) => ProxyReply | "hang up" | "hang" | undefined;
  /** Changes the server's reply on its way back. */
  change: (request: ProxiedRequest, reply: ProxyReply) => ProxyReply;
  stop(): Promise<void>;
}

/** An error as the JSON protocol reports it. */
export function sqsError(type: string, status = 400, headers: Readonly<Record<string, string>> = {}): ProxyReply {
  return { status, headers, body: JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message: "canary" }) };
}

/** `backend`: the endpoint of the server behind. */
export async function startSqsProxy(backend: string): Promise<SqsProxy> {
  const forwarder = new Forwarder(backend);

  async function forward(incoming: IncomingMessage, body: string): Promise<ProxyReply> {
    const headers = {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": String(incoming.headers["x-amz-target"]),
      authorization: String(incoming.headers.authorization),
    };
    const { response, text: reply } = await forwarder.post(headers, body);
    const queryError = response.headers.get("x-amzn-query-error");
    return {
      status: response.status,
      headers: queryError === null ? {} : { "x-amzn-query-error": queryError },
      body: reply,
    };
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await text(incoming);
    const request: ProxiedRequest = {
      action: String(incoming.headers["x-amz-target"]).replace("AmazonSQS.", ""),
      // The Query protocol's form stays unread: the server behind does not know it either.
      input: body.startsWith("{") ? (JSON.parse(body) as Record<string, unknown>) : {},
      headers: incoming.headers,
    };
    proxy.requests.push(request);
    const answer = proxy.answer(request);
    if (answer === "hang") return;
    if (answer === "hang up") {
      incoming.socket.destroy();
      return;
    }
    const reply = answer ?? proxy.change(request, await forward(incoming, body));
    outgoing
      .writeHead(reply.status, { "content-type": "application/x-amz-json-1.0", ...reply.headers })
      .end(reply.body);
  }

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const proxy: SqsProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answer: () => undefined,
    change: (_request, reply) => reply,
    async stop() {
      forwarder.abort();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return proxy;
}
