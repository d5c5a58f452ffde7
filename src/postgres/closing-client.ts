import pg from "pg";

type ConnectCallback = ((error: Error) => void) | ((error: null, client: pg.Client) => void);

/**
 * A client that closes its socket when it fails to connect. pg leaves it open when it finds the fault itself (such as
 * no password to answer with), and the socket then keeps the process alive until the server gives up.
 */
export class ClosingClient extends pg.Client {
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
    super.connect((error: Error | null) => {
      if (error) this.end(() => {});
      settle(error, this);
    });
  }
}
