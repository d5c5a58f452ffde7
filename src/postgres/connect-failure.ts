import { PiipeError } from "../errors.ts";
import { type TlsFault, tlsFaultOf } from "../tls-codes.ts";
import { ruleFor, safeFacts } from "./sqlstate.ts";

/** Where a pool connects to, without the password: `db.example:5432`, database `events`, user `piipe`. */
export interface ConnectionPlace {
  readonly address: string;
  readonly database: string;
  readonly user: string;
}

/** Why no connection could be made. pg tells some cases apart only by the beginning of its message. */
export function connectFailure(error: unknown, place: ConnectionPlace, connectionsMax: number): PiipeError {
  // Of a login that could not be had, or of what a new connection is asked.
  if (error instanceof PiipeError) return error;
  const where = `${place.address}, database ${place.database}`;
  const text = error instanceof Error ? error.message : "";
  const facts = safeFacts(error);
  if (facts !== null) {
    const rule = ruleFor(error);
    const user = rule.code === "database.credentials" || rule.code === "database.denied" ? `, user ${place.user}` : "";
    return new PiipeError(rule.code, `${rule.sentence} (${where}${user}; SQLSTATE ${facts.code})`, {
      retryable: rule.fate === "retry" || rule.fate === "reconnect",
      sqlState: facts.code,
      ...(rule.hint === undefined ? {} : { hint: rule.hint }),
    });
  }
  if (text.startsWith("SASL:")) {
    return new PiipeError(
      "database.credentials",
      `the server asks for a password in a way that failed (${where}, user ${place.user})`,
      {
        hint:
          "Check that sink.postgres.url holds the right password, or that sink.postgres.password says where it is. " +
          "A password file as libpq has it (PGPASSFILE) needs a line for this server and mode 0600.",
      },
    );
  }
  if (text === "timeout exceeded when trying to connect") {
    return new PiipeError("database.busy", `all ${connectionsMax} connections to PostgreSQL are in use (${where})`, {
      retryable: true,
      hint: "Raise sink.postgres.maxConnections if it happens often.",
    });
  }
  if (text === "The server does not support SSL connections") {
    return new PiipeError("database.unreachable", `the server offers no TLS (${where})`, {
      hint: "Turn TLS on in the server, or ask for none with `?sslmode=disable` in sink.postgres.url.",
    });
  }
  const code = nodeCode(error);
  const tlsFault = tlsFaultOf(code);
  if (tlsFault !== null && tlsFault !== "passing") {
    const { sentence, hint } = OF_TLS[tlsFault];
    return new PiipeError("database.unreachable", `${sentence} (${where}; ${code})`, { hint, cause: error });
  }
  return new PiipeError(
    "database.unreachable",
    `PostgreSQL cannot be reached at ${where}${code === "" ? "" : ` (${code})`}`,
    {
      retryable: true,
      hint: "Check that the server runs, and that host and port in sink.postgres.url are right and open from here.",
      cause: error,
    },
  );
}

const OF_TLS: Readonly<Record<Exclude<TlsFault, "passing">, { readonly sentence: string; readonly hint: string }>> = {
  certificate: {
    sentence: "the server's TLS certificate was not accepted",
    hint: "Name the authority's certificate with `?sslmode=verify-full&sslrootcert=FILE` in sink.postgres.url, and use the host name that the certificate is for.",
  },
  agreement: {
    sentence: "no TLS could be agreed on with the server",
    hint: "Check that host and port in sink.postgres.url are PostgreSQL's, and that the server allows the TLS versions and ciphers of this Node (ssl_min_protocol_version, ssl_max_protocol_version, ssl_ciphers).",
  },
  own: {
    sentence: "the certificate or key of this end cannot be used",
    hint: "Check the files that `sslcert` and `sslkey` name in sink.postgres.url: PEM, the key that the certificate was made for and without a passphrase, and an authority that the server trusts (ssl_ca_file).",
  },
};

function nodeCode(error: unknown): string {
  // A host with several addresses fails with one error for each.
  const single: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = single instanceof Error && "code" in single ? single.code : undefined;
  return typeof code === "string" ? code : "";
}
