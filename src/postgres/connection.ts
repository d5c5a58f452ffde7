import { TLSSocket } from "node:tls";
import pg from "pg";
import { type ErrorCode, PiipeError } from "../errors.ts";
import { interruptible } from "../interruptible.ts";
import { confirmNames } from "./confirm-names.ts";
import { type ConnectionPlace, connectFailure } from "./connect-failure.ts";
import { readConnectionUrl } from "./connection-url.ts";
import { DatabaseFailure, databaseFailure } from "./database-failure.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import { ENGINE_COLUMNS, engineOf } from "./engine.ts";
import { Hosts } from "./hosts.ts";
import { type Session, beginStatement, pathSetting } from "./local-settings.ts";
import type { LoginSource } from "./login-source.ts";
import { poolClient } from "./pool-client.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const REPLY_TIMEOUT_MS = 90_000;
const KEEP_ALIVE_DELAY_MS = 10_000;
/**
 * So long a password that was accepted may be refused while its next one is under way: AWS changes the database's before the
 * secret's, and Kubernetes brings a changed secret into a volume up to two minutes later.
 */
const ROTATION_MS = 150_000;

export interface PoolOptions {
  /** `postgres://user:password@host:port/database`, or several hosts of which one takes writes; a `Secret`, read once. */
  readonly url: { reveal(): string };
  /** Gives each new connection its login. Left out or null: the URL's, or what libpq would take. */
  readonly login?: LoginSource | null;
  readonly connectionsMax: number;
  /** Who sets what the statements are meant for: each transaction, or the role, once for all. Default: `transaction`. */
  readonly settings?: "transaction" | "role";
  /** Longer than any statement timeout: only a dead network or a stuck server gets there. Default: 90,000. */
  readonly replyTimeoutMs?: number;
}

/** Values in PostgreSQL's text form, untouched; null is NULL. */
export type Row = Readonly<Record<string, string | null>>;

export interface StatementResult {
  /** The command tag's first word, such as `INSERT` or `COMMIT`; of the last statement when there were several. */
  readonly command: string;
  readonly rowCount: number;
  readonly rows: readonly Row[];
}

/** What a connection's own end tells of it: of a pooler in between, the near side. */
export interface ConnectionLink {
  /** Such as `TLSv1.3`; null: not encrypted. */
  readonly tls: string | null;
  /** Of the server's process, as the other end gave it. A pooler gives one of its own. */
  readonly processId: number | null;
  /** Such as `db.example:5432`. */
  readonly address: string;
}

const READ_SESSION = `SELECT pg_catalog.current_setting('search_path') AS search_path, ${ENGINE_COLUMNS}`;

/** One connection, taken from the pool. End its use with `release` or `destroy`. */
export interface PostgresConnection {
  readonly link: ConnectionLink;
  readonly session: Session;
  /**
   * Unnamed, so that it works behind PgBouncer in transaction mode. Several statements in one `text` are one round
   * trip; they take no values.
   * @throws {DatabaseFailure} `doing` completes its "while …"
   */
  query(doing: string, text: string, values?: readonly (string | null)[]): Promise<StatementResult>;
  /** Back to the pool. Without effect after `destroy`. */
  release(): void;
  /** Cuts the connection, also in the middle of a statement, which then fails. Safe twice. */
  destroy(): void;
}

export interface PostgresPool {
  readonly place: ConnectionPlace;
  /** What the server can do: asked for once, with the first connection. Fails as `connect` does. */
  dialect(abort?: AbortSignal): Promise<Dialect>;
  /** @throws {PiipeError} `database.*` when there is no connection; `interrupted` when `abort` fires first */
  connect(abort?: AbortSignal): Promise<PostgresConnection>;
  /**
   * One statement on any connection, in a transaction of its own: with the settings that it is meant for. Fails as
   * `connect` and `PostgresConnection.query` do. `abort` cuts the connection, also in the middle of the statement.
   */
  query(
    doing: string,
    text: string,
    values?: readonly (string | null)[],
    abort?: AbortSignal,
  ): Promise<StatementResult>;
  /** Waits for connections in use, and cuts those that are still being made. Safe twice. */
  close(): Promise<void>;
}

/**
 * Opens nothing yet: connections are made when they are needed.
 * @throws {PiipeError} `config.invalid` when the URL is none
 */
export function openPool(options: PoolOptions): PostgresPool {
  const { url, login = null, connectionsMax, settings = "transaction", replyTimeoutMs = REPLY_TIMEOUT_MS } = options;
  const { byHost, wantsWritable, isVerified, passFile, ...read } = readConnectionUrl(url.reveal());
  const place = { ...read.place };
  if (login?.needsVerifiedServer === true && !isVerified) throw unverified();
  const hosts = new Hosts(byHost);
  const closed = new AbortController();
  // pg-pool waits for it, which pg's types leave out.
  const asked: { onConnect?: (client: pg.ClientBase) => unknown } = wantsWritable ? { onConnect: requireWritable } : {};
  const pool = new pg.Pool({
    max: connectionsMax,
    Client: poolClient({ hosts, source: login, passFile, place, closed: closed.signal }),
    application_name: "piipe",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: replyTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    types: { getTypeParser: () => asItIs },
    ...asked,
  });
  // An idle connection's death is no event: the next statement finds a new one. Unheard, it would end the process.
  pool.on("error", ignore);
  pool.on("connect", (client) => client.on("error", ignore));
  let closing: Promise<void> | null = null;
  /** Of the server, the database and the user, so that it is asked for once for each of them. */
  const sessions = new Map<string | undefined, Session>();
  let wasAccepted = false;
  let refusedSinceMs: number | null = null;

  /** A connection at hand, or a new one: to the next host where one is away, with a fresh login where one is refused. */
  async function takeClient(): Promise<pg.PoolClient> {
    let hasFreshLogin = false;
    for (let hostsLeft = hosts.count - 1; ;) {
      const host = hosts.current;
      try {
        const client = await pool.connect();
        wasAccepted = true;
        refusedSinceMs = null;
        return client;
      } catch (error) {
        const failure = connectFailure(error, place, connectionsMax);
        if (login !== null && LOGIN_CODES.has(failure.code) && !failure.retryable) {
          if (hasFreshLogin) throw isRotating() ? passing(failure) : failure;
          hasFreshLogin = true;
        } else if (hostsLeft > 0 && failure.retryable && failure.code !== "database.busy") {
          hostsLeft -= 1;
          hosts.leave(host);
        } else throw failure;
      }
    }
  }

  function isRotating(): boolean {
    refusedSinceMs ??= performance.now();
    return wasAccepted && performance.now() - refusedSinceMs < ROTATION_MS;
  }

  async function withSession(client: pg.PoolClient): Promise<readonly [pg.PoolClient, Session]> {
    const known = sessions.get(client.user);
    if (known !== undefined) return [client, known];
    try {
      const { rows } = await client.query<Row>(READ_SESSION);
      const row = rows[0] ?? {};
      const dialect = dialectOf(engineOf(row));
      const session = {
        dialect,
        path: pathSetting(row["search_path"] ?? ""),
        sendsSettings: settings === "transaction" && dialect.takesSettings,
      };
      sessions.set(client.user, session);
      return [client, session];
    } catch (error) {
      client.release(true);
      throw databaseFailure(error, "connecting to PostgreSQL");
    }
  }

  async function connect(abort?: AbortSignal): Promise<PostgresConnection> {
    const connecting = takeClient().then(withSession);
    return wrap(...(await (abort === undefined ? connecting : unlessAborted(connecting, abort))));
  }

  const opened: PostgresPool = {
    place,
    connect,
    async dialect(abort) {
      // Of every user the same.
      for (const { dialect } of sessions.values()) return dialect;
      const connection = await connect(abort);
      connection.release();
      return connection.session.dialect;
    },
    async query(doing, text, values, abort) {
      const connection = await connect(abort);
      const uncut = cutOnAbort(connection, abort);
      try {
        await connection.query(doing, beginStatement(connection.session, { timeouts: null, writesTarget: false }));
        const result = await connection.query(doing, text, values);
        await connection.query(doing, "COMMIT");
        return result;
      } catch (cause) {
        if (cause instanceof DatabaseFailure && cause.fate !== "reconnect") await rollBack(connection);
        const error: unknown = await confirmNames(cause, opened, connection);
        connection.destroy();
        if (abort?.aborted === true) throw new PiipeError("interrupted", `stopped while ${doing}`);
        throw error;
      } finally {
        uncut();
        connection.release();
      }
    },
    close() {
      if (closing === null) {
        closing = pool.end();
        closed.abort();
      }
      return closing;
    },
  };
  return opened;
}

function wrap(client: pg.PoolClient, session: Session): PostgresConnection {
  let isInUse = true;
  const end = (isBroken: boolean): void => {
    if (!isInUse) return;
    isInUse = false;
    client.release(isBroken);
  };
  return {
    link: linkOf(client),
    session,
    async query(doing, text, values) {
      try {
        const result = await (values === undefined
          ? client.query<Row>(text)
          : client.query<Row>(text, values as (string | null)[]));
        // pg gives an array for several statements, which its types leave out.
        const last = Array.isArray(result) ? (result.at(-1) as pg.QueryResult<Row>) : result;
        return { command: last.command, rowCount: last.rowCount ?? 0, rows: last.rows };
      } catch (error) {
        // Names are shown when the catalogue was asked: see confirm-names.ts.
        throw databaseFailure(error, doing, () => false);
      }
    },
    release: () => end(false),
    destroy: () => end(true),
  };
}

function linkOf(client: pg.PoolClient): ConnectionLink {
  // Fields that pg's types leave out of a pool's client.
  const { connection, processID, host, port } = client as unknown as pg.Client & { readonly processID: number | null };
  const { stream } = connection;
  return {
    tls: stream instanceof TLSSocket ? stream.getProtocol() : null,
    processId: processID,
    address: `${host}:${port}`,
  };
}

/** Destroys the connection when `abort` fires, until the function that it returns is called. */
export function cutOnAbort(connection: PostgresConnection, abort: AbortSignal | undefined): () => void {
  const cut = (): void => connection.destroy();
  abort?.addEventListener("abort", cut, { once: true });
  if (abort?.aborted === true) cut();
  return () => abort?.removeEventListener("abort", cut);
}

/** Rejects as soon as `abort` fires; a connection that comes later goes back to the pool. */
async function unlessAborted(
  connecting: Promise<readonly [pg.PoolClient, Session]>,
  abort: AbortSignal,
): Promise<readonly [pg.PoolClient, Session]> {
  try {
    return await interruptible(connecting, abort, "connecting to PostgreSQL");
  } catch (error) {
    connecting.then(([client]) => client.release(), ignore);
    throw error;
  }
}

/** Of several hosts, one that is a standby, or set to read-only, is none to stay with. */
async function requireWritable(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<Row>("SHOW transaction_read_only");
  if (rows[0]?.["transaction_read_only"] === "off") return;
  throw new PiipeError("database.unavailable", "none of the PostgreSQL servers takes writes", {
    retryable: true,
    hint: "All in sink.postgres.url that can be reached are standbys, or set to read-only: name the one that can be written to.",
  });
}

/** A login was refused, or could not be had: also a file that is just being written, or a right that is being changed. */
const LOGIN_CODES: ReadonlySet<ErrorCode> = new Set(["database.credentials", "secrets.unusable", "queue.credentials"]);

const passing = ({ code, message, sqlState, hint }: PiipeError): PiipeError =>
  new PiipeError(code, message, {
    retryable: true,
    hint: `${hint ?? ""} A fresh one is asked for again and again, for ${ROTATION_MS / 1_000} s: it may be about to be rotated.`,
    ...(sqlState === null ? {} : { sqlState }),
  });

const unverified = (): PiipeError =>
  new PiipeError("config.invalid", "sink.postgres.password iam needs a connection with TLS that checks the server", {
    hint: "Add `?sslmode=verify-full&sslrootcert=FILE` to sink.postgres.url: whoever gets a token can log in with it.",
  });

function asItIs(value: string): string {
  return value;
}

function ignore(): void {}

/** Leaves a connection that can be used, or destroys it. */
export async function rollBack(connection: PostgresConnection): Promise<void> {
  try {
    await connection.query("rolling back", "ROLLBACK");
  } catch {
    connection.destroy();
  }
}
