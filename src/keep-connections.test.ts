import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { keepConnections } from "./keep-connections.ts";

let server: Server | null = null;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  server?.closeAllConnections();
});

async function serve(connectionsMax: number) {
  const held: ServerResponse[] = [];
  const listening = createServer((request, response) => {
    if (request.url === "/held") held.push(response);
    else response.end("answered");
  });
  server = listening;
  keepConnections(listening, connectionsMax);
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  /** A connection that the server has seen, with what the other end sent so far. */
  const open = async (text = "") => {
    const accepted = once(listening, "connection");
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    sockets.push(socket);
    const got = { socket, text: "", ended: once(socket, "close") };
    socket.setEncoding("utf8").on("data", (chunk: string) => (got.text += chunk));
    socket.write(text);
    await accepted;
    return got;
  };
  return { open, held, listening };
}

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

it("lets the oldest idle connection go for one more, whatever it has begun to ask", async () => {
  const { open } = await serve(3);
  const idle = await open();
  const slow = await open("GET / HTTP/1.1\r\nHost: x\r\nX-Slow:");
  const answered = await open(request("/"));
  await once(answered.socket, "data");
  const another = await open(request("/"));
  await Promise.all([idle.ended, once(another.socket, "data")]);
  await open();
  await slow.ended;
  expect([answered.socket.closed, another.socket.closed]).toEqual([false, false]);
});

it("keeps those that are being answered, and lets the new one go where all are", async () => {
  const { open, held, listening } = await serve(2);
  const requests = [once(listening, "request")];
  const first = await open(request("/held"));
  await requests[0];
  const second = once(listening, "request");
  await open(request("/held"));
  await second;
  const late = await open(request("/"));
  await late.ended;
  held[0]?.end("at last");
  await once(first.socket, "data");
  expect(first.text).toContain("at last");
});
