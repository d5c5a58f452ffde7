import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Forwarder } from "./forwarder.ts";

/** A server that speaks only SQS's Query protocol, in front of one that speaks only the JSON protocol. */
export interface QueryFront {
  /** `http://127.0.0.1:…` */
  readonly endpoint: string;
  /** Requests answered, by protocol. */
  readonly counts: { readonly json: number; readonly query: number };
  stop(): Promise<void>;
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const LISTS: Readonly<Record<string, string>> = {
  AttributeName: "AttributeNames",
  MessageSystemAttributeName: "MessageSystemAttributeNames",
  MessageAttributeName: "MessageAttributeNames",
  DeleteMessageBatchRequestEntry: "Entries",
  ChangeMessageVisibilityBatchRequestEntry: "Entries",
};
const NUMBERS: ReadonlySet<string> = new Set(["MaxNumberOfMessages", "WaitTimeSeconds", "VisibilityTimeout"]);

function typed(name: string, text: string): Json {
  return NUMBERS.has(name) ? Number(text) : text;
}

/** `Entry.1.Id=a` to `{ Entries: [{ Id: "a" }] }`. */
function inputOf(form: URLSearchParams): Record<string, Json> {
  const input: Record<string, Json> = {};
  const lists = new Map<string, Map<number, Json>>();
  for (const [key, text] of form) {
    const [name = "", index, field] = key.split(".");
    if (name === "Action" || name === "Version") continue;
    if (index === undefined) {
      input[name] = typed(name, text);
      continue;
    }
    const list = lists.get(LISTS[name] ?? name) ?? new Map<number, Json>();
    lists.set(LISTS[name] ?? name, list);
    const before = list.get(Number(index));
    list.set(
      Number(index),
      field === undefined ? text : { ...(before as Record<string, Json> | undefined), [field]: typed(field, text) },
    );
  }
  for (const [name, list] of lists) input[name] = [...list].sort(([a], [b]) => a - b).map(([, item]) => item);
  return input;
}

/** As SQS writes XML: the carriage return too, which a parser would otherwise normalise away. */
function escaped(text: unknown): string {
  return String(text).replace(/[<>&"\r]/g, (character) => `&#x${character.charCodeAt(0).toString(16)};`);
}

function element(name: string, value: unknown): string {
  return `<${name}>${escaped(value)}</${name}>`;
}

function attributesXml(attributes: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(attributes ?? {});
  return pairs
    .map(([name, value]) => `<Attribute>${element("Name", name)}${element("Value", value)}</Attribute>`)
    .join("");
}

interface MessageJson {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly MD5OfBody: string;
  readonly Body: string;
  readonly Attributes?: Record<string, string>;
  readonly MessageAttributes?: Record<string, { readonly DataType: string; readonly StringValue?: string }>;
}

function messageXml(message: MessageJson): string {
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(([name, { DataType, StringValue }]) => {
    const value = `<Value>${element("StringValue", StringValue)}${element("DataType", DataType)}</Value>`;
    return `<MessageAttribute>${element("Name", name)}${value}</MessageAttribute>`;
  });
  const fields = (["MessageId", "ReceiptHandle", "MD5OfBody", "Body"] as const).map((name) =>
    element(name, message[name]),
  );
  return `<Message>${fields.join("")}${attributesXml(message.Attributes)}${attributes.join("")}</Message>`;
}

function failedXml(failed: readonly Readonly<Record<string, unknown>>[]): string {
  return failed
    .map((entry) => Object.entries(entry).map(([name, value]) => element(name, value)))
    .map((fields) => `<BatchResultErrorEntry>${fields.join("")}</BatchResultErrorEntry>`)
    .join("");
}

function resultXml(action: string, reply: Readonly<Record<string, unknown>>): string {
  if (action === "GetQueueUrl") return element("QueueUrl", reply["QueueUrl"]);
  if (action === "GetQueueAttributes") return attributesXml(reply["Attributes"] as Record<string, string>);
  if (action === "ReceiveMessage")
    return ((reply["Messages"] as MessageJson[] | undefined) ?? []).map(messageXml).join("");
  const successful = (reply["Successful"] ?? []) as { Id: string }[];
  const done = successful.map(({ Id }) => `<${action}ResultEntry>${element("Id", Id)}</${action}ResultEntry>`);
  return done.join("") + failedXml((reply["Failed"] as Record<string, unknown>[] | undefined) ?? []);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function errorXml(code: string): string {
  return `<?xml version="1.0"?>\n<ErrorResponse>\n  <Error>${element("Type", "Sender")}${element("Code", code)}</Error>\n</ErrorResponse>`;
}

/** `backend`: the endpoint of the JSON server. */
export async function startQueryFront(backend: string): Promise<QueryFront> {
  const counts = { json: 0, query: 0 };
  const forwarder = new Forwarder(backend);

  async function answerQuery(request: IncomingMessage, form: URLSearchParams): Promise<[number, string]> {
    const action = form.get("Action") ?? "";
    const queueUrl = form.get("QueueUrl");
    // As on SQS: an action on a queue is posted to the queue's own path.
    if ((queueUrl === null ? "/" : new URL(queueUrl).pathname) !== request.url) {
      return [404, errorXml("AWS.SimpleQueueService.NonExistentQueue")];
    }
    const headers = {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `AmazonSQS.${action}`,
      // The backend takes the region from it.
      authorization: request.headers.authorization ?? "",
    };
    const { response, text } = await forwarder.post(headers, JSON.stringify(inputOf(form)));
    const reply = JSON.parse(text) as Record<string, unknown>;
    if (!response.ok) {
      const code = response.headers.get("x-amzn-query-error")?.split(";")[0] ?? "InternalError";
      return [response.status, errorXml(code)];
    }
    const result = `<${action}Result>${resultXml(action, reply)}</${action}Result>`;
    return [
      200,
      `<?xml version="1.0"?><${action}Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/">${result}</${action}Response>`,
    ];
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request);
    if (!request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) {
      counts.json += 1;
      response.writeHead(404, { "content-type": "text/xml" }).end(errorXml("InvalidAction"));
      return;
    }
    counts.query += 1;
    const [status, xml] = await answerQuery(request, new URLSearchParams(body));
    response.writeHead(status, { "content-type": "text/xml" }).end(xml);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async stop() {
      forwarder.abort();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
