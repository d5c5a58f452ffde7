import { createHash } from "node:crypto";
import type { PiipeError } from "../../errors.ts";
import type { TokenPlace } from "../../pipeline/contracts.ts";
import { arrayLiteral } from "../../postgres/array-literal.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { type TableName, quoteIdentifier, quoteLiteral, quoteTable, showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { DUPLICATES_VIEW_LOCK, tryTakeLock } from "../locks.ts";
import { resolveTable } from "./duplicates.ts";

export interface DuplicatesViewOptions {
  readonly table: TableName;
  /** Where equal values are equal tokens. */
  readonly places: readonly TokenPlace[];
  readonly user: TokenPlace | null;
  readonly timeColumn: string | null;
}

export interface DuplicatesViewOutcome {
  /** The view that was created or changed now, with its schema; null: nothing was to be done. */
  readonly changed: string | null;
  /** Why the view is missing or out of date, as a sentence. */
  readonly warning: string | null;
}

type ResolvedTable = TableName & { readonly schema: string };

/** PostgreSQL cuts longer names without an error. */
const NAME_BYTES_MAX = 63;
const SUFFIX = "_duplicates";
const HASH_CHARS = 8;

/**
 * Creates the view that lists the duplicates of the target table, or brings it up to date. It names the table in text
 * only: PostgreSQL lets nobody change the type of a column, or drop a table, on which a view depends. No work of the
 * pipeline depends on it, so that what PostgreSQL refuses here is a warning.
 * @throws {PiipeError} `database.table-missing`, or when the connection fails
 */
export async function updateDuplicatesView(
  pool: PostgresPool,
  options: DuplicatesViewOptions,
): Promise<DuplicatesViewOutcome> {
  const nothing = { changed: null, warning: null };
  const dialect = await pool.dialect();
  // Its function is one of plpgsql.
  if (options.places.length === 0 || !dialect.isComplete) return nothing;
  const table = await resolveTable(pool, options.table);
  const doing = `making the view of duplicates in ${showTable(table)}`;
  try {
    const place = await findPlace((text, values) => pool.query(doing, text, values), table, options);
    if (place?.isUpToDate === true) return nothing;
    return await inTransaction(pool, { doing, ...TIMEOUTS.besideOthers }, async (run) => {
      if (!(await tryTakeLock(run, dialect, DUPLICATES_VIEW_LOCK))) return nothing; // Another worker is at it.
      const found = await findPlace(run, table, options);
      if (found === null) return { changed: null, warning: namesTaken(table) };
      if (found.isUpToDate) return nothing;
      const view = `piipe.${quoteIdentifier(found.name)}`;
      // Replaced in place it keeps the rights that were granted on it: the columns are always the same.
      await run(`CREATE OR REPLACE VIEW ${view} AS${selectOf(table, options)}`);
      await run(`COMMENT ON VIEW ${view} IS ${quoteLiteral(commentOf(table, options))}`);
      return { changed: `piipe.${found.name}`, warning: null };
    });
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.fate === "reconnect") throw error;
    return { changed: null, warning: refused(error) };
  }
}

/**
 * The view's name in the schema piipe: the table's, after its schema's where that is not `public`, and `_duplicates`.
 * What does not fit, or is taken, is cut and told apart by a hash. First choice first.
 */
export function viewNames({ schema, name }: ResolvedTable): readonly string[] {
  const base = schema === "public" ? name : `${schema}_${name}`;
  const hash = createHash("sha256").update(quoteTable({ schema, name })).digest("hex").slice(0, HASH_CHARS);
  const hashed = `${cutBytes(base, NAME_BYTES_MAX - SUFFIX.length - HASH_CHARS - 1)}_${hash}${SUFFIX}`;
  const plain = `${base}${SUFFIX}`;
  return Buffer.byteLength(plain) <= NAME_BYTES_MAX ? [plain, hashed] : [hashed];
}

function cutBytes(text: string, bytesMax: number): string {
  let cut = "";
  for (const character of text) {
    if (Buffer.byteLength(cut) + Buffer.byteLength(character) > bytesMax) break;
    cut += character;
  }
  return cut;
}

const READ_RELATIONS = `
SELECT class.relname AS name, class.relkind AS kind, obj_description(class.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class AS class
WHERE class.relnamespace = to_regnamespace('piipe') AND class.relname IN ($1, $2)`;

/** Where the view stands, or may be made. null: all names are taken by something else. */
async function findPlace(
  run: RunStatement,
  table: ResolvedTable,
  options: DuplicatesViewOptions,
): Promise<{ readonly name: string; readonly isUpToDate: boolean } | null> {
  const names = viewNames(table);
  const { rows } = await run(READ_RELATIONS, [names[0] ?? null, names[1] ?? null]);
  const comment = commentOf(table, options);
  const found = names.map((name) => ({ name, row: rows.find((row) => row["name"] === name) }));
  const own = found.find(({ row }) => row?.["kind"] === "v" && row["comment"]?.startsWith(subjectOf(table)) === true);
  // The comment names everything that the definition is made from.
  if (own) return { name: own.name, isUpToDate: own.row?.["comment"] === comment };
  const free = found.find(({ row }) => row === undefined);
  return free ? { name: free.name, isUpToDate: false } : null;
}

function selectOf(table: ResolvedTable, { places, user, timeColumn }: DuplicatesViewOptions): string {
  const argument = (text: string | null): string => (text === null ? "NULL::text" : `${quoteLiteral(text)}::text`);
  const selects = places.map(({ name, column, path, key }) => {
    const given = [quoteTable(table), column, user?.column ?? null, timeColumn].map(argument).join(", ");
    const inner = path === null ? "NULL::text[]" : `${quoteLiteral(arrayLiteral(path))}::text[]`;
    const keys = [key, user?.key ?? null].map(argument).join(", ");
    return `\nSELECT ${argument(name)} AS column_name, found.* FROM piipe.duplicates(${given}, 1, ${inner}, ${keys}) AS found`;
  });
  return `${selects.join("\nUNION ALL")}\nORDER BY column_name, users DESC NULLS LAST, rows DESC, token`;
}

const subjectOf = (table: ResolvedTable): string => `Duplicates in ${quoteTable(table)}: `;

function commentOf(table: ResolvedTable, { places, user, timeColumn }: DuplicatesViewOptions): string {
  const users = user === null ? "" : `more than one user (${shown(user)}) or `;
  const times = timeColumn === null ? "" : ` First and last seen are of ${quoteIdentifier(timeColumn)}.`;
  return (
    `${subjectOf(table)}masked values that occur for ${users}more than once, by their newest token, in ` +
    `${places.map(shown).join(", ")}.${times} Reads with the rights of whoever asks. ` +
    "`piipe migrate` keeps it as the configuration says."
  );
}

/** The path is part of an inner one's name. */
const shown = ({ name, key }: TokenPlace): string =>
  key === name ? quoteIdentifier(name) : `${quoteIdentifier(name)} (key ${quoteIdentifier(key)})`;

function namesTaken(table: ResolvedTable): string {
  return `the view of duplicates was not made: something else has its name, ${viewNames(table).join(" and ")}, in the schema piipe. Rename that and run \`piipe migrate\` again.`;
}

function refused({ code, message }: PiipeError): string {
  const remedy =
    code === "database.denied"
      ? "Run `piipe migrate` as the owner of the schema piipe, or of the view if there is one."
      : "Run `piipe migrate` again.";
  return `the view of duplicates was not brought up to date: ${message}. Nothing else depends on it. ${remedy}`;
}
