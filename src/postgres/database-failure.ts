import { PiipeError } from "../errors.ts";
import type { PostgresConnection, PostgresPool } from "./connection.ts";
import { type Fate, type PostgresFacts, type Refuser, type SqlStateRule, ruleFor, safeFacts } from "./sqlstate.ts";

const FIND_NAMES = `
SELECT given.name FROM json_array_elements_text($1::json) AS given (name)
WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = given.name)
   OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = given.name)
   OR EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attname = given.name)
   OR EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = given.name)`;

/** Whether the catalogue has a name, for each that was looked up: the same few come again and again. */
const looked = new WeakMap<PostgresPool, Map<string, boolean>>();
const LOOKED_MAX = 1_000;

/**
 * The failure with the names of tables, columns and constraints that the catalogue has. A function in the database can raise an
 * error with any text in their places, such as the value that it objects to.
 * @param connection usable: outside a transaction that failed
 */
export async function confirmNames<E>(
  error: E,
  pool: PostgresPool,
  connection: PostgresConnection,
): Promise<E | DatabaseFailure> {
  if (!(error instanceof DatabaseFailure) || error.facts === null || error.fate === "reconnect") return error;
  const { schema, table, column, constraint } = error.facts;
  const names = [schema, table, column, constraint].filter((name) => name !== null);
  if (names.length === 0) return error;
  let known = looked.get(pool);
  if (known === undefined) looked.set(pool, (known = new Map<string, boolean>()));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    try {
      const { rows } = await connection.query("looking up names", FIND_NAMES, [JSON.stringify(unknown)]);
      const found = new Set(rows.map((row) => row["name"]));
      if (known.size > LOOKED_MAX) known.clear();
      for (const name of unknown) known.set(name, found.has(name));
    } catch {
      // The first failure is what matters; it is told without names.
      return error;
    }
  }
  return error.naming(new Set(names.filter((name) => known.get(name) === true)));
}

/** Which names of tables, columns and constraints a message may hold. */
type IsShown = (name: string) => boolean;

/** A statement or a connection failed. Holds nothing of the server's own text, which quotes values. */
export class DatabaseFailure extends PiipeError {
  readonly fate: Fate;
  readonly refuser: Refuser | null;
  /**
   * null when the server said nothing: the socket failed. Its names are what the server sent, and a function in the database
   * can send any text as one: to be compared with names that are known, never to be shown.
   */
  readonly facts: PostgresFacts | null;
  /** The same with no names but those that may be shown: they are in the message. */
  readonly shown: PostgresFacts | null;
  readonly #rule: SqlStateRule;
  readonly #doing: string;
  readonly #isShown: IsShown;

  constructor(
    rule: SqlStateRule,
    facts: PostgresFacts | null,
    doing: string,
    socketError?: unknown,
    isShown: IsShown = () => true,
  ) {
    const shown = facts === null ? null : shownOf(facts, isShown);
    super(rule.code, `${rule.sentence}, while ${doing}${showFacts(shown)}`, {
      retryable: rule.fate === "retry" || rule.fate === "reconnect",
      mayBeData: rule.fate === "doubt",
      ...(rule.hint === undefined ? {} : { hint: rule.hint }),
      ...(facts === null ? { cause: socketError } : { sqlState: facts.code }),
    });
    this.fate = rule.fate;
    this.refuser = rule.refuser ?? null;
    this.facts = facts;
    this.shown = shown;
    this.#rule = rule;
    this.#doing = doing;
    this.#isShown = isShown;
  }

  /** The same failure, with these of its names in the message. */
  naming(known: ReadonlySet<string>): DatabaseFailure {
    return new DatabaseFailure(this.#rule, this.facts, this.#doing, this.cause, (name) => known.has(name));
  }

  /** The same, for a statement that none of the rows is to be blamed for. */
  blamingNoRow(): DatabaseFailure {
    return this.fate === "bisect" || this.fate === "doubt" ? this.#withFate("halt") : this;
  }

  /** The same, where a row may be to blame after all. */
  doubtingRows(): DatabaseFailure {
    return this.#withFate("doubt");
  }

  #withFate(fate: Fate): DatabaseFailure {
    return new DatabaseFailure({ ...this.#rule, fate }, this.facts, this.#doing, this.cause, this.#isShown);
  }
}

/**
 * @param doing completes "while …" and names things of the configuration only
 * @param isShown which of the names that the server sent the message may hold
 */
export function databaseFailure(error: unknown, doing: string, isShown?: IsShown): DatabaseFailure {
  return new DatabaseFailure(ruleFor(error), safeFacts(error), doing, error, isShown);
}

function shownOf({ code, ...names }: PostgresFacts, isShown: IsShown): PostgresFacts {
  const shown = (name: string | null): string | null => (name !== null && isShown(name) ? name : null);
  const { schema, table, column, constraint } = names;
  return { code, schema: shown(schema), table: shown(table), column: shown(column), constraint: shown(constraint) };
}

function showFacts(facts: PostgresFacts | null): string {
  if (facts === null) return "";
  const parts = [`SQLSTATE ${facts.code}`];
  if (facts.table !== null) parts.push(`table ${facts.schema === null ? "" : `${facts.schema}.`}${facts.table}`);
  if (facts.column !== null) parts.push(`column ${facts.column}`);
  if (facts.constraint !== null) parts.push(`constraint ${facts.constraint}`);
  return ` (${parts.join(", ")})`;
}
