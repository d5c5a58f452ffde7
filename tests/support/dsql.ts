import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { type Counted, DsqlConnection } from "./dsql/dsql-connection.ts";
import { query } from "./postgres.ts";
import { SeededRandom } from "./seeded-random.ts";

/**
 * Stands before a real PostgreSQL and behaves as Aurora DSQL does, as far as a client can tell: refuses what DSQL refuses, runs
 * every transaction in one snapshot, allows one statement of DDL alone in its transaction and so many changed rows and bytes,
 * answers some COMMITs with 40001, and ends connections.
 */
export interface DsqlStandIn {
  /** The database's URL, through the stand-in. */
  readonly url: string;
  /** How often it did what. */
  readonly counts: Readonly<Record<Counted, number>>;
  /** The most rows that a committed transaction had changed. */
  readonly rowsMax: () => number;
  /** From now on. Until then it refuses, and no more: a command that meets no database at its start ends. */
  disturb(disturbance: Disturbance): void;
  close(): Promise<void>;
}

/** What befalls its clients by chance. */
export interface Disturbance {
  readonly seed: number;
  /** The share of COMMITs that are answered with 40001 instead, on average: none is far from the next. */
  readonly conflictShare: number;
  /** A connection ends after so many statements and up to as many more, amid whatever it is at. */
  readonly statementsMax: number;
}

/** Not to be told from the service by what it has. */
const LANDMARKS = `
CREATE SCHEMA IF NOT EXISTS sys;
CREATE OR REPLACE VIEW sys.iam_pg_role_mappings AS SELECT NULL::text AS pg_role_name WHERE false`;

export async function startDsql(databaseUrl: string): Promise<DsqlStandIn> {
  await query(databaseUrl, LANDMARKS);
  const target = new URL(databaseUrl);
  let disturbance: (Disturbance & { readonly chance: SeededRandom }) | null = null;
  const state = { commits: 0, conflicts: 0, ended: 0, tooMany: 0, refused: 0 };
  let rowsMax = 0;
  /** Before one is answered with 40001; null: to be drawn. */
  let commitsLeft: number | null = null;
  const connections = new Set<DsqlConnection>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: Number(target.port), host: target.hostname, noDelay: true });
    const connection = new DsqlConnection(client, upstream, {
      statementsLeft: () => disturbance && disturbance.statementsMax * (1 + disturbance.chance.next()),
      isConflict: () => {
        if (disturbance === null) return false;
        commitsLeft ??= Math.floor((disturbance.chance.next() * 2) / disturbance.conflictShare);
        commitsLeft = commitsLeft === 0 ? null : commitsLeft - 1;
        return commitsLeft === null;
      },
      note: (what) => (state[what] += 1),
      noteRows: (rows) => (rowsMax = Math.max(rowsMax, rows)),
    });
    connections.add(connection);
    client.on("close", () => connections.delete(connection));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    counts: state,
    rowsMax: () => rowsMax,
    disturb: (wanted) => (disturbance = { ...wanted, chance: new SeededRandom(wanted.seed) }),
    async close() {
      for (const connection of connections) connection.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
