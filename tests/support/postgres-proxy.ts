import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { ProxiedConnection } from "./postgres-proxy/proxied-connection.ts";
import { type WireFault, WireFaults } from "./postgres-proxy/wire-faults.ts";

export { WIRE_POINTS, type WireEffect, type WireFault, type WirePoint } from "./postgres-proxy/wire-faults.ts";

/** Stands between clients and a PostgreSQL server and knows what they say to each other. Offers no TLS. */
export interface PostgresProxy {
  /** The server's URL, through the proxy. */
  readonly url: string;
  /** Befalls the next message that matches, on any connection, once. Faults of one point befall one message each. */
  arm(fault: WireFault): void;
  /** How often each fault happened, by `cut before BEGIN`, `half-open …`, `delay …`. */
  readonly fired: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export async function startPostgresProxy(serverUrl: string): Promise<PostgresProxy> {
  const target = new URL(serverUrl);
  const faults = new WireFaults();
  const connections = new Set<ProxiedConnection>();
  // Half-open sockets stay so: a dead network answers no FIN.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: Number(target.port), host: target.hostname, noDelay: true });
    const connection = new ProxiedConnection(client, upstream, faults);
    connections.add(connection);
    client.on("close", () => connections.delete(connection));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(serverUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    arm: (fault) => faults.arm(fault),
    fired: faults.fired,
    async close() {
      for (const connection of connections) connection.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
