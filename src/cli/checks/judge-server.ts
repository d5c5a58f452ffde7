import type { ScalePlan } from "../../app/scale-plan.ts";
import type { PostgresConfig } from "../../config/config.ts";
import { PiipeError } from "../../errors.ts";
import type { ConnectionPlace } from "../../postgres/connect-failure.ts";
import { TESTED_VERSIONS } from "../../postgres/dialect.ts";
import { ENCODING_REMEDY, encodingWarning } from "../../postgres/encoding.ts";
import { ENGINES, ENGINE_REMEDY, engineWarning } from "../../postgres/engine.ts";
import type { ServerFacts } from "../../postgres/inspect-server.ts";
import { utcDay } from "../../postgres/utc-day.ts";
import { type Ledger, addDays } from "../../storage/ledger/ledger-maintenance.ts";
import { type Finding, failure, ok, warning } from "./findings.ts";
import { isLocalHost } from "./is-local-host.ts";

/** Nothing where the login is the URL's, or what libpq would take. */
export function judgeLogin({ password }: Pick<PostgresConfig, "password">): readonly Finding[] {
  switch (password?.kind) {
    case "file":
      return [ok("credentials", `each connection reads its password from ${password.path}`)];
    case "secret":
      return [ok("credentials", `the password comes from ${password.arn}, read again when the server refuses it`)];
    case "iam":
      return [ok("credentials", "each connection signs an IAM token of its own")];
    default:
      return [];
  }
}

/** Which product it is, and whether piipe is known to work on it. */
export function judgeVersion({ engine, version, majorVersion }: ServerFacts, { address }: ConnectionPlace): Finding {
  const caution = engineWarning(engine);
  if (caution !== null) {
    return warning(
      "database",
      `${ENGINES[engine].name} (PostgreSQL ${version}) at ${address}: ${caution}`,
      ENGINE_REMEDY,
    );
  }
  const text = `PostgreSQL ${version} at ${address}`;
  const { min, max } = TESTED_VERSIONS;
  if (majorVersion >= min && majorVersion <= max) return ok("database", `${text}: supported`);
  return warning(
    "database",
    `${text}: piipe is tested with PostgreSQL ${min} to ${max}`,
    majorVersion < min ? "Upgrade the server." : "Look for a newer piipe.",
  );
}

/** Nothing when it holds all texts. */
export function judgeEncoding({ encoding }: ServerFacts): readonly Finding[] {
  const text = encodingWarning(encoding);
  return text === null ? [] : [warning("database", text, ENCODING_REMEDY)];
}

/** Nothing when it takes writes. */
export function judgeWritable(
  { isStandby, isReadOnly }: ServerFacts,
  { address }: ConnectionPlace,
): readonly Finding[] {
  if (isStandby) {
    return [
      failure(
        "database",
        new PiipeError("database.unavailable", `the server at ${address} is a standby, which takes no writes`, {
          hint: "Name the primary in sink.postgres.url.",
        }),
      ),
    ];
  }
  if (!isReadOnly) return [];
  return [
    failure(
      "database",
      new PiipeError("database.unavailable", `transactions at ${address} are read-only`, {
        hint: "Look where default_transaction_read_only is set: the server, the database, the user, or options in sink.postgres.url.",
      }),
    ),
  ];
}

export function judgeConnections(
  { connectionsLeft, pooler }: ServerFacts,
  { maxConnections }: Pick<PostgresConfig, "maxConnections">,
  plan: Pick<ScalePlan, "connections"> | null,
): Finding {
  const needed = plan?.connections ?? maxConnections;
  const wanted = `${plan === null ? "a run opens" : "the plan's workers open"} up to ${needed}`;
  if (connectionsLeft === null) {
    const whose =
      pooler === null
        ? "the server does not tell for how many it has room"
        : "through a connection pooler, whose limits are not to be seen from here";
    return ok("connections", `${wanted}, ${whose}`);
  }
  const left = Math.max(connectionsLeft, 0);
  if (left >= needed) return ok("connections", `${wanted}, and the server has room for ${left}`);
  return warning(
    "connections",
    `${wanted}, and the server has room for only ${left} more`,
    "Raise max_connections, or the limit of the database or the user; or lower sink.postgres.maxConnections.",
  );
}

export function judgeTls({ tls, pooler }: ServerFacts, { address }: ConnectionPlace): Finding {
  const host = address.slice(0, address.lastIndexOf(":"));
  if (tls === null && !isLocalHost(host)) {
    return warning(
      "tls",
      `the connection to ${address} is not encrypted: whoever is on the way can read and change what is stored`,
      "Turn TLS on in the server and add `?sslmode=verify-full` to sink.postgres.url.",
    );
  }
  const near = tls === null ? "is not encrypted, and stays on this machine" : `is encrypted (${tls})`;
  if (pooler === null) return ok("tls", `the connection to ${address} ${near}`);
  if (!pooler.isEncrypted && !pooler.isLocal) {
    return warning(
      "tls",
      `the connection to the pooler at ${address} ${near}, and the pooler's own to the server is not encrypted`,
      "Turn TLS on there as well (PgBouncer: server_tls_sslmode = verify-full).",
    );
  }
  const far = pooler.isEncrypted ? "is encrypted" : "is not, and stays on its machine";
  return ok("tls", `the connection to the pooler at ${address} ${near}; the pooler's own to the server ${far}`);
}

/** Whether the days to come have partitions, or will get them. */
export function judgeLedger({ isPartitioned, partitions, mayMakePartitions, serverNowMs }: Ledger): Finding {
  if (!isPartitioned) return ok("ledger", "the ledger is one table, pruned row by row");
  if (mayMakePartitions)
    return ok("ledger", "the ledger is partitioned by day, and runs make the partitions of the days to come");
  const today = utcDay(serverNowMs);
  let next = today;
  while (partitions.has(next)) next = addDays(next, 1);
  if (next > addDays(today, 1)) {
    return ok(
      "ledger",
      `the ledger has partitions up to ${addDays(next, -1)}; this user may make none: run \`piipe migrate\` once a week`,
    );
  }
  return warning(
    "ledger",
    `the ledger has no partition for ${next}, and this user may make none: its claims go to the default partition, which grows`,
    "Run `piipe migrate` once a week as the owner of piipe's tables, or let the user that runs piipe own them.",
  );
}
