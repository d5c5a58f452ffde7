import { PiipeError } from "../errors.ts";
import type { Fate, Refuser, SqlStateRule } from "./sqlstate-rule.ts";
import { type PostgresFacts, ruleFor, safeFacts } from "./sqlstate.ts";

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
