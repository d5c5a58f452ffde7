import pg from "pg";

/** Far longer than a server takes to close its side. */
const GOODBYE_TIMEOUT_MS = 2_000;

type ConnectCallback = ((error: Error) => void) | ((error: null, client: pg.Client) => void);

/**
 * A client that closes its socket when it fails to connect, and at once when `closed` fires before it is connected. pg
 * leaves the socket open when it finds the fault itself (such as no password to answer with), and waits for a server
 * that accepts and never answers; either would keep the process alive. So would a dead network, in which pg says goodbye
 * and waits for the server's to come back.
 */
export function closingClient(closed: AbortSignal): typeof pg.Client {
  return class ClosingClient extends pg.Client {
    override connect(): Promise<pg.Client>;
    override connect(callback: ConnectCallback): void;
    override connect(callback?: ConnectCallback): Promise<pg.Client> | void {
      if (callback === undefined) {
        return new Promise((resolve, reject) => {
          this.connect((error: Error | null) => (error ? reject(error) : resolve(this)));
        });
      }
      // pg-pool must hear at once: an error that follows in the same read would find no listener.
      const settle = callback as (error: Error | null, client: pg.Client) => void;
      // The stream is another one once it is encrypted.
      const cut = (): void => void this.connection.stream.destroy();
      closed.addEventListener("abort", cut, { once: true });
      super.connect((error: Error | null) => {
        closed.removeEventListener("abort", cut);
        if (error) this.end(() => {});
        settle(error, this);
      });
    }

    override end(): Promise<void>;
    override end(callback: (error: Error) => void): void;
    override end(callback?: (error: Error) => void): Promise<void> | void {
      const timer = setTimeout(() => this.connection.stream.destroy(), GOODBYE_TIMEOUT_MS).unref();
      this.connection.once("end", () => clearTimeout(timer));
      return callback === undefined ? super.end() : super.end(callback);
    }
  };
}
