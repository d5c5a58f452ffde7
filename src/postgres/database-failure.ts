import { PiipeError } from "../errors.ts";
import { type Fate, type PostgresFacts, type Refuser, ruleFor, safeFacts, type SqlStateRule } from "./sqlstate.ts";

/** A statement or a connection failed. Holds nothing of the server's own text, which quotes values. */
export class DatabaseFailure extends PiipeError {
  readonly fate: Fate;
  readonly refuser: Refuser | null;
  /** null when the server said nothing: the socket failed. */
  readonly facts: PostgresFacts | null;
  readonly #rule: SqlStateRule;
  readonly #doing: string;

  constructor(rule: SqlStateRule, facts: PostgresFacts | null, doing: string, socketError?: unknown) {
    super(rule.code, `${rule.sentence}, while ${doing}${showFacts(facts)}`, {
      retryable: rule.fate === "retry" || rule.fate === "reconnect",
      mayBeData: rule.fate === "doubt",
      ...(rule.hint === undefined ? {} : { hint: rule.hint }),
      ...(facts === null ? { cause: socketError } : { sqlState: facts.code }),
    });
    this.fate = rule.fate;
    this.refuser = rule.refuser ?? null;
    this.facts = facts;
    this.#rule = rule;
    this.#doing = doing;
  }

  /** The same, for a statement that none of the rows is to be blamed for. */
  blamingNoRow(): DatabaseFailure {
    if (this.fate !== "bisect" && this.fate !== "doubt") return this;
    return new DatabaseFailure({ ...this.#rule, fate: "halt" }, this.facts, this.#doing);
  }
}

/** `doing` completes "while …" and names things of the configuration only. */
export function databaseFailure(error: unknown, doing: string): DatabaseFailure {
  return new DatabaseFailure(ruleFor(error), safeFacts(error), doing, error);
}

function showFacts(facts: PostgresFacts | null): string {
  if (facts === null) return "";
  const parts = [`SQLSTATE ${facts.code}`];
  if (facts.table !== null) parts.push(`table ${facts.schema === null ? "" : `${facts.schema}.`}${facts.table}`);
  if (facts.column !== null) parts.push(`column ${facts.column}`);
  if (facts.constraint !== null) parts.push(`constraint ${facts.constraint}`);
  return ` (${parts.join(", ")})`;
}
