import type { Signer } from "@aws-sdk/rds-signer";
import { PiipeError } from "../errors.ts";
import type { LoginPlace, LoginSource } from "../postgres/login-source.ts";
import { awsErrorName, credentialsFailure } from "./aws-failure.ts";
import { loadPackage } from "./load-package.ts";

const PACKAGE = "@aws-sdk/rds-signer";
/** A token is for the region of the database, which its name tells, and not for that of the worker. */
const RDS_HOST = /\.([a-z\d-]+)\.rds\.amazonaws\.com(?:\.cn)?$/;

/**
 * IAM database authentication: a token for each new connection. It is signed here, without a request, and holds for the 15
 * minutes in which the connection must begin. Needs `rds-db:connect`.
 */
export function iamToken(): LoginSource {
  /** Each remembers the credentials that it found, and renews them. */
  const signers = new Map<string, Signer>();
  return {
    needsVerifiedServer: true,
    refused: () => {},
    async login(place) {
      const key = `${place.user}@${place.host}:${place.port}`;
      const signer = signers.get(key) ?? (await openSigner(place));
      signers.set(key, signer);
      try {
        return { password: await signer.getAuthToken() };
      } catch (error) {
        throw failureOf(error);
      }
    },
  };
}

async function openSigner({ host, port, user }: LoginPlace): Promise<Signer> {
  const rds = await loadPackage(PACKAGE, "sink.postgres.password iam", () => import("@aws-sdk/rds-signer"));
  const [, region] = RDS_HOST.exec(host) ?? [];
  return new rds.Signer({ hostname: host, port, username: user, ...(region !== undefined && { region }) });
}

const failureOf = (error: unknown): PiipeError =>
  credentialsFailure(error, "signing in to PostgreSQL") ??
  new PiipeError("database.credentials", `no token for PostgreSQL could be signed (${awsErrorName(error)})`, {
    hint: "Name the database by its RDS endpoint in sink.postgres.url, or set AWS_REGION.",
    cause: error,
  });
