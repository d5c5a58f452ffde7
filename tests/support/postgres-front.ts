import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A host of its own that leads to a server, whose sessions take writes or do not. */
export interface PostgresFront {
  /** Such as `127.0.0.1:40123`. */
  readonly address: string;
  /** Connections that it has let through. */
  readonly connections: () => number;
  /** As a primary becomes a standby: its connections end, and new ones take no writes; or the other way round. */
  setReadOnly(isReadOnly: boolean): void;
  stop(): Promise<void>;
}

/** PostgreSQL, "Message Formats", StartupMessage: length, protocol version, then names and values, each ended by a zero byte. */
function readOnlyStartup(startup: Buffer): Buffer {
  const more = Buffer.from("options\0-c default_transaction_read_only=on\0");
  const changed = Buffer.concat([startup.subarray(0, 8), more, startup.subarray(8)]);
  changed.writeInt32BE(changed.length, 0);
  return changed;
}

/** The server itself is the one that refuses the writes: the front only asks it to, when a session begins. */
export async function startPostgresFront(serverUrl: string, isReadOnlyAtFirst: boolean): Promise<PostgresFront> {
  const { hostname, port } = new URL(serverUrl);
  let isReadOnly = isReadOnlyAtFirst;
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    client.once("data", (startup: Buffer) => {
      connections += 1;
      const upstream = connect({ host: hostname, port: Number(port) });
      for (const socket of [client, upstream]) sockets.add(socket.on("error", () => {}));
      upstream.write(isReadOnly ? readOnlyStartup(startup) : startup);
      client.pipe(upstream).pipe(client);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    setReadOnly(becomesReadOnly) {
      isReadOnly = becomesReadOnly;
      cut();
    },
    async stop() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
