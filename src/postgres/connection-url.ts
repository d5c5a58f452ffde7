import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import { postgresUrlProblem, urlsByHost } from "../config/service-url.ts";
import { PiipeError } from "../errors.ts";
import type { ConnectionPlace } from "./connect-failure.ts";

/** A connection URL as pg understands it, together with the PG* variables of the environment. */
export interface ConnectionUrl {
  /** One for each host, in the order in which they are tried. */
  readonly byHost: readonly string[];
  readonly place: ConnectionPlace;
  /** Only a server that takes writes will do: of several hosts always. */
  readonly wantsWritable: boolean;
  /** TLS, and a server that shows who it is. */
  readonly isVerified: boolean;
  /** Of `passfile=`. */
  readonly passFile: string | null;
}

/** @throws {PiipeError} `config.invalid`: it is none */
export function readConnectionUrl(url: string): ConnectionUrl {
  if (postgresUrlProblem(url) !== null) throw invalid();
  const byHost = urlsByHost(withPlainSslMode(url));
  const clients = byHost.map(clientOf);
  const [first] = clients;
  const parameters = new URLSearchParams(url.split("?")[1]);
  return {
    byHost,
    place: {
      address: clients.map(({ host, port }) => `${host}:${port}`).join(", "),
      database: first?.database ?? first?.user ?? "",
      user: first?.user ?? "",
    },
    wantsWritable: byHost.length > 1 || parameters.has("target_session_attrs"),
    isVerified: clients.every(verifies),
    passFile: parameters.get("passfile"),
  };
}

function verifies(client: pg.Client): boolean {
  // pg's types know of true and false alone.
  const { ssl } = client as { readonly ssl: boolean | ConnectionOptions };
  return typeof ssl === "object" ? ssl.rejectUnauthorized !== false : ssl;
}

function clientOf(connectionString: string): pg.Client {
  try {
    return new pg.Client({ connectionString });
  } catch {
    throw invalid();
  }
}

const invalid = (): PiipeError =>
  // Neither the URL nor the error that quotes it: the password is in both.
  new PiipeError("config.invalid", "sink.postgres.url is not a PostgreSQL connection URL", {
    hint: "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded; files that it names must exist.",
  });

/**
 * pg takes these modes for `verify-full`, and warns of that on stderr, in the middle of a log: what it does is written out
 * instead. Where libpq's own meaning is asked for, it stays.
 */
function withPlainSslMode(connectionString: string): string {
  if (/[?&]uselibpqcompat=true(?:&|$)/.test(connectionString)) return connectionString;
  return connectionString.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/g, "$1verify-full");
}
