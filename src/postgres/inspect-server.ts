import type { PostgresPool } from "./connection.ts";
import { settingIfKnown } from "./dialect.ts";
import type { EngineKind } from "./engine.ts";
import { inTransaction } from "./transaction.ts";

/** What a server says of itself and of this connection. */
export interface ServerFacts {
  /** Such as `18.0 (Debian 18.0-1)`. */
  readonly version: string;
  readonly majorVersion: number;
  readonly engine: EngineKind;
  /** Of the database, such as `UTF8`. */
  readonly encoding: string;
  readonly isStandby: boolean;
  /** New transactions are, by the setting of the server, the database or the user. */
  readonly isReadOnly: boolean;
  /** Connections that this user could still open to this database; null: the server, or a pooler before it, does not tell. */
  readonly connectionsLeft: number | null;
  /** Such as `db.example:5432`. */
  readonly address: string;
  /** The connection's own end: such as `TLSv1.3`; null: not encrypted. */
  readonly tls: string | null;
  /** null: the connection is direct. */
  readonly pooler: PoolerFacts | null;
  /** The server's clock less this machine's, at least: what the reply's time under way does not explain. */
  readonly clockOffsetMs: number;
}

export interface PoolerFacts {
  /** The pooler's own connection to the server is. */
  readonly isEncrypted: boolean;
  /** It and the server are on one machine. */
  readonly isLocal: boolean;
}

/** The limits of the server, the database and the user; -1 is none. The counts need no right: user names are for all to see. */
const READ_SERVER = `
SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS version_num,
  current_setting('server_encoding') AS encoding,
  pg_is_in_recovery() AS is_standby, current_setting('transaction_read_only') AS read_only,
  (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms, pg_backend_pid() AS process_id,
  inet_client_addr() IS NULL OR inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1' AS is_local,
  (SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()) AS is_encrypted,
  least(
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
      - coalesce(${settingIfKnown("reserved_connections")}::integer, 0)
      - (SELECT sum(numbackends) FROM pg_catalog.pg_stat_database),
    (SELECT nullif(datconnlimit, -1) - numbackends FROM pg_catalog.pg_database d
       JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid WHERE d.datname = current_database()),
    (SELECT nullif(rolconnlimit, -1) - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = current_user)
       FROM pg_catalog.pg_roles WHERE rolname = current_user)
  ) AS connections_left`;

/** The same of a server that tells little of itself: it takes writes, and has room. */
const READ_LITTLE = `
SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS version_num,
  current_setting('server_encoding') AS encoding, 'f' AS is_standby, 'off' AS read_only,
  (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms`;

/** @throws {PiipeError} `database.*` */
export async function inspectServer(pool: PostgresPool, nowMs: () => number): Promise<ServerFacts> {
  const { engine, hasStatistics } = await pool.dialect();
  // In a transaction, as a run writes: a connection pooler may allow none.
  return inTransaction(pool, { doing: "asking the server about itself" }, async (run, link) => {
    const sentMs = nowMs();
    const { rows } = await run(hasStatistics ? READ_SERVER : READ_LITTLE);
    const receivedMs = nowMs();
    const row = rows[0] ?? {};
    const isPooled = hasStatistics && link.processId !== Number(row["process_id"]);
    return {
      version: row["version"] ?? "",
      majorVersion: Math.floor(Number(row["version_num"]) / 10_000),
      engine,
      encoding: row["encoding"] ?? "",
      isStandby: row["is_standby"] === "t",
      isReadOnly: row["read_only"] === "on",
      // This connection is one of those that a run would open.
      connectionsLeft: isPooled || !hasStatistics ? null : Number(row["connections_left"]) + 1,
      address: link.address,
      tls: link.tls,
      pooler: isPooled ? { isEncrypted: row["is_encrypted"] === "t", isLocal: row["is_local"] === "t" } : null,
      clockOffsetMs: offsetOf(Number(row["now_ms"]), sentMs, receivedMs),
    };
  });
}

function offsetOf(serverMs: number, sentMs: number, receivedMs: number): number {
  return Math.max(serverMs - receivedMs, 0) + Math.min(serverMs - sentMs, 0);
}
