import type { PostgresPool } from "../postgres/connection.ts";
import { quoteTable, showTable, type TableName } from "../postgres/identifiers.ts";

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

export async function readRowPath(pool: PostgresPool, table: TableName): Promise<RowPath> {
  const doing = `reading the triggers and rules of ${showTable(table)}`;
  const { rows } = await pool.query(doing, READ_PATH, [quoteTable(table)]);
  const row = rows[0] ?? {};
  return {
    hooks: JSON.parse(row["hooks"] ?? "[]") as RowHook[],
    foreignTable: row["foreign_table"] ?? null,
    isReplica: row["role"] === "replica",
  };
}
