import type { EngineKind } from "./engine.ts";

/*
 * What servers, and the relations in them, differ in. Asked by capability: no other file compares versions, or tries whether a
 * server can do something. What is not here, every PostgreSQL since 10 can, and behind a pooler as well. A migration decides in
 * SQL, once, whether the ledger can have partitions; what it became is read from the ledger.
 */

/** The major versions that the tests run on. */
export const TESTED_VERSIONS = { min: 10, max: 18 } as const;

/**
 * SQL: how a column of `pg_attribute`, named by its alias, is generated; empty or null: it is not. Read through JSON, a
 * catalogue before PostgreSQL 12, which has no such column, gives null instead of an error.
 */
export const generatedOf = (attribute: string): string => `to_json(${attribute})->>'attgenerated'`;

/** SQL: a setting that older servers do not know; null there. */
export const settingIfKnown = (name: string): string => `current_setting('${name}', true)`;

/** Of a relation, as `relkind` of `pg_class`. */
type RelationKind = string | null | undefined;

/** Table, partitioned table, view; and a foreign table, which is refused for what it is. */
const INSERTABLE: ReadonlySet<RelationKind> = new Set(["r", "p", "v", "f"]);
/** Table, partitioned table. */
const WITH_PLACES: ReadonlySet<RelationKind> = new Set(["r", "p"]);

/** Whether rows can be inserted into a relation. */
export const isInsertable = (kind: RelationKind): boolean => INSERTABLE.has(kind);

/** Whether a relation's rows have a place (`ctid`). */
export const hasPlaces = (kind: RelationKind): boolean => WITH_PLACES.has(kind);

/** Whether a relation's rows are in partitions. */
export const hasPartitions = (kind: RelationKind): boolean => kind === "p";

/** What a server can do, where not all can. */
export interface Dialect {
  readonly engine: EngineKind;
  /** Begins a transaction in which each statement sees what was committed before it. */
  readonly begin: string;
  /** Begins one in which all statements see the same, and write nothing. */
  readonly beginSnapshot: string;
  /** A transaction can set things for itself. */
  readonly takesSettings: boolean;
  readonly hasSavepoints: boolean;
  readonly hasAdvisoryLocks: boolean;
  /**
   * There are partitions, views' triggers, rules, policies, enums, foreign tables, functions in plpgsql, and statements of DDL
   * together with others in a transaction. Otherwise a table is what its columns and constraints say.
   */
  readonly isComplete: boolean;
  /** The server tells of its connections, and of the way to it. */
  readonly hasStatistics: boolean;
  /** A row has a place (`ctid`). */
  readonly hasPlaces: boolean;
  /** What one transaction may change; null: any number. */
  readonly transactionMax: { readonly rows: number; readonly bytes: number } | null;
  /** Types of columns that there are not, with what takes their place in a table that piipe makes. */
  readonly columnTypes: Readonly<Record<string, string>>;
  /** Digits and decimals of a `numeric` that is declared without; null: any number. */
  readonly numericDefault: { readonly digits: number; readonly decimals: number } | null;
  /** ON CONFLICT is right on a partitioned table, also when several sessions claim the same at once. */
  readonly claimsInPartitions: boolean;
  /** SQL: whether the table `$1` only stands for others, which hold its rows; null: no table does. */
  readonly isShell: string | null;
}

const POSTGRESQL: Dialect = {
  engine: "postgresql",
  begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
  beginSnapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
  takesSettings: true,
  hasSavepoints: true,
  hasAdvisoryLocks: true,
  isComplete: true,
  hasStatistics: true,
  hasPlaces: true,
  transactionMax: null,
  columnTypes: {},
  numericDefault: null,
  claimsInPartitions: true,
  isShell: null,
};

const DIALECTS: Readonly<Record<EngineKind, Dialect>> = {
  postgresql: POSTGRESQL,
  citus: {
    ...POSTGRESQL,
    engine: "citus",
    isShell: "EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = to_regclass($1::text)::oid)",
  },
  // Each transaction is a snapshot, and of two that write the same one fails at its COMMIT (40001).
  dsql: {
    engine: "dsql",
    begin: "BEGIN",
    beginSnapshot: "BEGIN READ ONLY",
    takesSettings: false,
    hasSavepoints: false,
    hasAdvisoryLocks: false,
    isComplete: false,
    hasStatistics: false,
    hasPlaces: false,
    transactionMax: { rows: 3_000, bytes: 10 * 1024 * 1024 },
    columnTypes: { inet: "text", macaddr: "text", jsonb: "json", numeric: "numeric(38, 9)" },
    numericDefault: { digits: 18, decimals: 6 },
    claimsInPartitions: true,
    isShell: null,
  },
  cockroachdb: { ...POSTGRESQL, engine: "cockroachdb" },
  // Batched ON CONFLICT had wrong results on partitions: yugabyte-db#24692, #25105, #25240.
  yugabytedb: { ...POSTGRESQL, engine: "yugabytedb", claimsInPartitions: false },
  alloydb: { ...POSTGRESQL, engine: "alloydb" },
};

export const dialectOf = (engine: EngineKind): Dialect => DIALECTS[engine];
