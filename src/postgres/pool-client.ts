import { setMaxListeners } from "node:events";
import pg from "pg";
import { PiipeError } from "../errors.ts";
import { interruptible } from "../interruptible.ts";
import type { Hosts } from "./hosts.ts";
import type { Login, LoginSource } from "./login-source.ts";
import { passwordOfFile } from "./pass-file.ts";
import { ruleFor } from "./sqlstate.ts";

export interface PoolClientOptions {
  readonly hosts: Hosts;
  /** null: the login of the URL, the environment or libpq's password file. */
  readonly source: LoginSource | null;
  /** libpq's password file, as the URL names it. */
  readonly passFile: string | null;
  /** Is told the user of the logins that `source` gives. */
  readonly place: { user: string };
  /** Ends what is not connected yet. */
  readonly closed: AbortSignal;
}

/** A login that does not come is told of as what it is, before the pool gives up. */
const LOGIN_TIMEOUT_MS = 9_000;
/** Far longer than a server takes to close its side. */
const GOODBYE_TIMEOUT_MS = 2_000;

type ConnectCallback = ((error: Error) => void) | ((error: null, client: pg.Client) => void);

/**
 * The client of a pool: it connects to the host of the moment, with a login that it asks for.
 *
 * It closes its socket when it fails to connect, and at once when `closed` fires before it is connected. pg leaves the socket
 * open when it finds the fault itself (such as no password to answer with), and waits for a server that accepts and never
 * answers; either would keep the process alive. So would a dead network, in which pg says goodbye and waits for the server's to
 * come back.
 */
export function poolClient({ hosts, source, passFile, place, closed }: PoolClientOptions): typeof pg.Client {
  // One listener for each connection that is being made.
  setMaxListeners(0, closed);
  return class PoolClient extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super({ ...config, connectionString: hosts.current });
    }

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
      if (source === null && this.password) return this.#connect(settle);
      this.#login().then(
        (login) => this.#connect(settle, login),
        (error: unknown) => settle(error as Error, this),
      );
    }

    async #login(): Promise<Login | undefined> {
      const { host, port, database = "", user = "" } = this;
      if (source === null) {
        const password = await passwordOfFile({ host, port, database, user }, passFile);
        return password === null ? undefined : { password };
      }
      const late = AbortSignal.timeout(LOGIN_TIMEOUT_MS);
      const ending = AbortSignal.any([closed, late]);
      try {
        return await interruptible(source.login({ host, port, user }, ending), ending, "waiting for a password");
      } catch (error) {
        throw late.aborted && !closed.aborted ? noLogin() : error;
      }
    }

    #connect(settle: (error: Error | null, client: pg.Client) => void, login?: Login): void {
      if (login !== undefined) {
        place.user = login.user ?? place.user;
        Object.assign(this, login);
        // What is sent first takes the user from here.
        Object.assign((this as unknown as { readonly connectionParameters: object }).connectionParameters, login);
      }
      // The stream is another one once it is encrypted.
      const cut = (): void => void this.connection.stream.destroy();
      closed.addEventListener("abort", cut, { once: true });
      super.connect((error: Error | null) => {
        closed.removeEventListener("abort", cut);
        if (error && login !== undefined && ruleFor(error).code === "database.credentials") source?.refused(login);
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

const noLogin = (): PiipeError =>
  new PiipeError("database.credentials", `no password for PostgreSQL came within ${LOGIN_TIMEOUT_MS / 1_000} s`, {
    retryable: true,
    hint: "Check that what sink.postgres.password names can be reached from here.",
  });
