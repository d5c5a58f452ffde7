import { once } from "node:events";
import { createServer, connect, type Socket } from "node:net";

/** Cuts one connection when its COMMIT passes: before the server gets it, or before the client gets the reply. */
export type CutPoint = "before COMMIT arrives" | "before the reply to COMMIT";

export interface CuttingProxy {
  /** The server's URL, through the proxy. */
  readonly url: string;
  /** The next COMMIT is cut. */
  arm(point: CutPoint): void;
  /** How many connections were cut. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** As a simple query is sent: PostgreSQL, "Message Formats", Query. */
const COMMIT = Buffer.from("COMMIT\0");

export async function startCuttingProxy(serverUrl: string): Promise<CuttingProxy> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let armed: CutPoint | null = null;
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let isReplyCut = false;
    const cut = (): void => {
      cuts += 1;
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (bytes) => {
      if (armed !== null && bytes.includes(COMMIT)) {
        const point = armed;
        armed = null;
        if (point === "before COMMIT arrives") return cut();
        isReplyCut = true;
      }
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (isReplyCut) return cut();
      client.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a numeric port");
  const url = new URL(serverUrl);
  url.hostname = "127.0.0.1";
  url.port = String(address.port);
  return {
    url: url.href,
    arm: (point) => (armed = point),
    get cuts() {
      return cuts;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
