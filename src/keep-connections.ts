import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

/**
 * Holds a server to so many connections. One more takes the place of the one that has been idle for longest, so that nobody
 * keeps others out with connections that ask nothing; only where all are being answered, the new one goes.
 */
export function keepConnections(server: Server, connectionsMax: number): void {
  /** In the order in which they became idle; with the request that is under way, if there is one. */
  const connections = new Map<Socket, IncomingMessage | null>();
  const note = (socket: Socket, request: IncomingMessage | null): void => {
    if (!connections.delete(socket)) return;
    connections.set(socket, request);
  };
  server.on("connection", (socket) => {
    if (connections.size >= connectionsMax) {
      // A request whose body is still to come holds its place no better than one that was never made.
      const idle = [...connections].find(([, request]) => request === null || !request.complete);
      const [leaving] = idle ?? [socket];
      connections.delete(leaving);
      leaving.destroy();
      if (leaving === socket) return;
    }
    connections.set(socket, null);
    socket.once("close", () => connections.delete(socket));
  });
  server.on("request", (request, response) => {
    note(request.socket, request);
    response.once("close", () => note(request.socket, null));
  });
}
