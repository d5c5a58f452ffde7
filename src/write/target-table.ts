import { PiipeError } from "../errors.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { type Dialect, generatedOf, isInsertable } from "../postgres/dialect.ts";
import { type TableName, quoteTable, showTable } from "../postgres/identifiers.ts";
import { inTransaction } from "../postgres/transaction.ts";

/** A trigger or rule by which the table's owner decides what becomes of an inserted row. */
export interface RowHook {
  readonly kind: "trigger" | "rule";
  readonly name: string;
  /** As schema.table: the target, or what its rows get into. */
  readonly table: string;
  /** When it comes: `BEFORE` or `INSTEAD OF` the insert; `DO ALSO` or `DO INSTEAD` of a rule. */
  readonly when: string;
}

/** What a row meets on its way into the target table. */
export interface RowPath {
  /** Those that may keep a row out, or send it elsewhere, without an error. Mostly none. */
  readonly hooks: readonly RowHook[];
  /** The first foreign table, as schema.table, that rows may get into. */
  readonly foreignTable: string | null;
  /** `session_replication_role` is `replica`: ordinary triggers and rules do not fire, and foreign keys are not checked. */
  readonly isReplica: boolean;
}

/**
 * `below`: the target, its partitions and whatever inherits from it, and what rules and views lead to. Where a trigger puts
 * a row is not known beyond that; a view with a trigger INSTEAD OF the insert is not followed.
 */
export function belowSql({ alsoRules }: { readonly alsoRules: boolean }): string {
  return `below AS (
  SELECT to_regclass($1::text)::oid AS oid
  UNION
  SELECT next.oid FROM below JOIN pg_catalog.pg_class c ON c.oid = below.oid CROSS JOIN LATERAL (
    SELECT i.inhrelid AS oid FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
    UNION ALL
    SELECT d.refobjid
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid
    WHERE r.ev_class = c.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
      AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND (r.ev_type = '3' ${alsoRules ? "" : "AND r.is_instead "}OR r.ev_type = '1' AND c.relkind = 'v' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 68 = 68))
  ) AS next
)`;
}

/** The bits of `tgtype`: 1 for each row, 2 before, 4 insert, 64 instead of. */
const READ_PATH = `
WITH RECURSIVE ${belowSql({ alsoRules: true })}, fired AS (
  SELECT 'A' AS enabled UNION ALL
  SELECT CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END
), relation AS (
  SELECT c.oid, c.relkind, n.nspname || '.' || c.relname AS name, c.oid = to_regclass($1::text) AS is_target
  FROM below JOIN pg_catalog.pg_class c ON c.oid = below.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
), hook AS (
  SELECT 'trigger' AS kind, t.tgname AS name, t.tgrelid AS relation,
    CASE WHEN t.tgtype & 64 = 64 THEN 'INSTEAD OF' ELSE 'BEFORE' END AS hook_when
  FROM pg_catalog.pg_trigger t JOIN fired ON fired.enabled = t.tgenabled::text
  WHERE t.tgtype & 5 = 5 AND t.tgtype & 66 <> 0
  UNION ALL
  SELECT 'rule', r.rulename, r.ev_class, CASE WHEN r.is_instead THEN 'DO INSTEAD' ELSE 'DO ALSO' END
  FROM pg_catalog.pg_rewrite r JOIN fired ON fired.enabled = r.ev_enabled::text WHERE r.ev_type = '3'
), named AS (
  -- A partition has the triggers of its parent, each under the same name.
  SELECT DISTINCT ON (hook.kind, hook.name) hook.kind, hook.name, hook.hook_when, relation.name AS relation
  FROM hook JOIN relation ON relation.oid = hook.relation
  ORDER BY hook.kind, hook.name, relation.is_target DESC, relation.oid
)
SELECT current_setting('session_replication_role') AS role,
  (SELECT min(name) FROM relation WHERE relkind = 'f') AS foreign_table,
  (SELECT coalesce(json_agg(json_build_object('kind', kind, 'name', name, 'table', relation, 'when', hook_when)
                            ORDER BY kind DESC, name), '[]')::text FROM named) AS hooks`;

async function readRowPath(pool: PostgresPool, table: TableName, { isComplete }: Dialect): Promise<RowPath> {
  if (!isComplete) return { hooks: [], foreignTable: null, isReplica: false };
  const doing = `reading the triggers and rules of ${showTable(table)}`;
  const { rows } = await pool.query(doing, READ_PATH, [quoteTable(table)]);
  const row = rows[0] ?? {};
  return {
    hooks: JSON.parse(row["hooks"] ?? "[]") as RowHook[],
    foreignTable: row["foreign_table"] ?? null,
    isReplica: row["role"] === "replica",
  };
}

/** A real column of the target table. */
export interface TableColumn {
  readonly name: string;
  /**
   * PostgreSQL's internal name (`int4`, `varchar`), through any domains, those of an array's elements too; with its schema if
   * that is not pg_catalog.
   */
  readonly type: string;
  /** As PostgreSQL shows it: `character varying(32)`. */
  readonly typeShown: string;
  /** The same as SQL, with its schema and without a length or precision: through any domains. */
  readonly typeSql: string;
  /** Where the declaration makes PostgreSQL round in silence: the type with its precision, as SQL. */
  readonly roundingSql: string | null;
  /** What an array holds, named like `type`; null: it is no array. The following is then of the elements. */
  readonly elementType: string | null;
  /**
   * Neither a row type with fields that round or cut in silence, or that would have to be looked into for that, nor an array
   * of elements that something else than commas separates, as of `box`.
   */
  readonly takesText: boolean;
  /** Of an enum. */
  readonly labels: readonly string[] | null;
  /** The length of a varchar or char, in characters. */
  readonly charsMax: number | null;
  /** Digits of a numeric; null when its declaration limits none. */
  readonly digitsMax: number | null;
  /**
   * Decimals that the type keeps of a numeric (negative: digits rounded before the point) or of a timestamp's seconds;
   * null when its declaration limits none.
   */
  readonly decimalsMax: number | null;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** Read by `withDefaults`: the expression that PostgreSQL evaluates for a row without a value. */
  readonly defaultSql?: string;
  /** GENERATED ALWAYS, as an expression or as an identity: cannot be written. */
  readonly isGenerated: boolean;
  /** The connected user may insert into it. */
  readonly mayInsert: boolean;
}

export interface TargetTable {
  /** With the schema in which it was found, so that a later change of the search path finds the same table. */
  readonly name: TableName & { readonly schema: string };
  readonly isTable: boolean;
  readonly columns: readonly TableColumn[];
  readonly path: RowPath;
}

/** Those that round to the precision of their declaration without a word. */
const ROUNDING_TYPES = "'numeric', 'time', 'timetz', 'interval', 'timestamp', 'timestamptz'";

const LABELS =
  "(SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_catalog.pg_enum l WHERE l.enumtypid = s.oid)";

/**
 * The scale of a numeric is a signed number in the lowest 11 bits of its modifier; before PostgreSQL 15 none was negative. The
 * modifier of an array is that of its elements.
 */
const readTable = ({ isComplete }: Dialect): string => `
WITH RECURSIVE target AS (
  SELECT c.oid, c.relname, c.relkind, n.nspname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = to_regclass($1::text)
), attribute AS (
  SELECT a.*, ${generatedOf("a")} AS generated
  FROM pg_catalog.pg_attribute a JOIN target ON a.attrelid = target.oid
  WHERE a.attnum > 0 AND NOT a.attisdropped
), unwrapped AS (
  SELECT attnum, atttypid AS type_id, atttypmod AS modifier, attnotnull AS not_null, 0 AS depth FROM attribute
  UNION ALL
  SELECT u.attnum, next.type_id, CASE WHEN u.modifier = -1 THEN next.modifier ELSE u.modifier END,
         u.not_null OR next.not_null, u.depth + 1
  FROM unwrapped u JOIN pg_catalog.pg_type t ON t.oid = u.type_id CROSS JOIN LATERAL (
    SELECT t.typbasetype AS type_id, t.typtypmod AS modifier, t.typnotnull AS not_null WHERE t.typtype = 'd'
    UNION ALL
    SELECT b.typarray, e.typtypmod, false
    FROM pg_catalog.pg_type e JOIN pg_catalog.pg_type b ON b.oid = e.typbasetype
    WHERE e.oid = t.typelem AND e.typarray = t.oid AND e.typtype = 'd' AND b.typarray <> 0
  ) AS next
), bare AS (
  SELECT DISTINCT ON (attnum) * FROM unwrapped ORDER BY attnum, depth DESC
), named AS (
  SELECT t.oid, CASE WHEN n.nspname = 'pg_catalog' OR t.typname = 'citext' THEN t.typname
                     ELSE n.nspname || '.' || t.typname END AS name,
         format('%I.%I', n.nspname, t.typname) AS sql
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
)
SELECT target.nspname AS schema, target.relname AS name, target.relkind AS kind, (
  SELECT coalesce(json_agg(json_build_object(
    'name', a.attname,
    'type', own.name,
    'typeShown', format_type(a.atttypid, a.atttypmod),
    'typeSql', own.sql,
    'roundingSql', CASE WHEN u.modifier >= 0
                          AND s.typname IN (${ROUNDING_TYPES})
                        THEN format_type(u.type_id, u.modifier) END,
    'elementType', element.name,
    'labels', ${isComplete ? LABELS : "NULL"},
    'charsMax', CASE WHEN s.typname IN ('varchar', 'bpchar') AND u.modifier > 4 THEN u.modifier - 4 END,
    'digitsMax', CASE WHEN s.typname = 'numeric' AND u.modifier >= 4 THEN ((u.modifier - 4) >> 16) & 65535 END,
    'decimalsMax', CASE WHEN s.typname = 'numeric' AND u.modifier >= 4 THEN (((u.modifier - 4) & 2047) # 1024) - 1024
                        WHEN s.typname IN ('timestamp', 'timestamptz') AND u.modifier >= 0 THEN u.modifier END,
    'notNull', u.not_null OR a.attnotnull,
    'takesText', coalesce(e.typdelim = ',', true) AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_attribute f JOIN pg_catalog.pg_type ft ON ft.oid = f.atttypid
      WHERE f.attrelid = s.typrelid AND f.attnum > 0 AND NOT f.attisdropped
        AND (ft.typtype IN ('c', 'd') OR ltrim(ft.typname, '_') IN ('float4', 'name', 'char', 'money') OR
          f.atttypmod >= 0 AND ltrim(ft.typname, '_') IN (${ROUNDING_TYPES}))),
    'hasDefault', a.atthasdef OR a.attidentity <> '' OR declared.typdefaultbin IS NOT NULL,
    'isGenerated', coalesce(a.generated, '') <> '' OR a.attidentity = 'a',
    'mayInsert', has_column_privilege(a.attrelid, a.attnum, 'INSERT')
  ) ORDER BY a.attnum), '[]')::text
  FROM attribute a
  JOIN pg_catalog.pg_type declared ON declared.oid = a.atttypid
  JOIN bare u ON u.attnum = a.attnum
  JOIN pg_catalog.pg_type t ON t.oid = u.type_id
  JOIN named own ON own.oid = t.oid
  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
  LEFT JOIN named element ON element.oid = e.oid
  JOIN pg_catalog.pg_type s ON s.oid = coalesce(e.oid, t.oid)
) AS columns
FROM target`;

/**
 * The expression of the column, or of its domain; the next number of an identity. Whatever the session finds without a
 * schema, they name with theirs.
 */
const READ_DEFAULTS = `
SELECT a.attname AS name, coalesce(
  pg_get_expr(d.adbin, d.adrelid),
  CASE WHEN a.attidentity = 'd'
       THEN format('nextval(%L::regclass)', pg_get_serial_sequence($1::text, a.attname)) END,
  pg_get_expr(t.typdefaultbin, 0)
) AS default_sql
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped`;

/** The table, with the defaults of its columns, for an insert that gives some rows no value. */
export async function withDefaults(pool: PostgresPool, table: TargetTable): Promise<TargetTable> {
  const settings = { doing: `reading the defaults of ${showTable(table.name)}`, rollsBack: true };
  const rows = await inTransaction(pool, settings, async (run) => {
    await run("SET LOCAL search_path TO pg_catalog");
    return (await run(READ_DEFAULTS, [quoteTable(table.name)])).rows;
  });
  const defaults = new Map(rows.map((row) => [row["name"], row["default_sql"]]));
  const columns = table.columns.map((column) => {
    const defaultSql = defaults.get(column.name);
    return typeof defaultSql === "string" ? { ...column, defaultSql } : column;
  });
  return { ...table, columns };
}

/** @throws {PiipeError} `database.table-missing`, or as the pool fails */
export async function readTargetTable(pool: PostgresPool, table: TableName): Promise<TargetTable> {
  const dialect = await pool.dialect();
  const doing = `reading the columns of ${showTable(table)}`;
  const { rows } = await pool.query(doing, readTable(dialect), [quoteTable(table)]);
  const row = rows[0];
  if (row === undefined) {
    throw new PiipeError(
      "database.table-missing",
      `the table ${showTable(table)} does not exist in database ${pool.place.database} (${pool.place.address})`,
      {
        hint:
          "Create it with `piipe migrate`, or set sink.postgres.createTable to true; or correct " +
          "sink.postgres.table (upper and lower case matter).",
      },
    );
  }
  const name = { schema: row["schema"] ?? "", name: row["name"] ?? "" };
  return {
    name,
    isTable: isInsertable(row["kind"]),
    columns: (JSON.parse(row["columns"] ?? "[]") as TableColumn[]).map((column) => withDefaultDigits(column, dialect)),
    path: await readRowPath(pool, name, dialect),
  };
}

/** A numeric without a declaration of its own may have one all the same. */
function withDefaultDigits(column: TableColumn, { numericDefault }: Dialect): TableColumn {
  if (numericDefault === null || column.type !== "numeric" || column.digitsMax !== null) return column;
  const { digits, decimals } = numericDefault;
  const roundingSql = `numeric(${digits}, ${decimals})`;
  return { ...column, digitsMax: digits, decimalsMax: decimals, roundingSql };
}
