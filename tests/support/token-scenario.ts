import { type CliResult, runCli } from "./cli.ts";
import type { LoginPipeline } from "./login-pipeline.ts";
import { query } from "./postgres.ts";
import type { TestSqs } from "./sqs.ts";

/** Steps of the tests about what can be done with tokens: each is done by the command line, as an operator would. */
export interface TokenScenario {
  /** Fails the test with stderr when the command does not end with 0. */
  readonly must: (...args: readonly string[]) => Promise<CliResult>;
  readonly cli: (args: readonly string[], stdin?: string) => Promise<CliResult>;
  /** Sends the events and runs the pipeline until the queue is empty. */
  readonly land: (...logins: readonly Login[]) => Promise<void>;
  /** Adds a key version and promotes it. */
  readonly rotate: (version: number, ...options: readonly string[]) => Promise<void>;
  readonly destroy: (version: number) => Promise<void>;
  readonly audit: () => Promise<readonly AuditRow[]>;
  /** All that the database holds, as text: the target table and piipe's own. */
  readonly dump: () => Promise<string>;
}

export interface Login {
  readonly user: string;
  readonly ip: string;
  readonly device?: string;
}

export interface AuditRow {
  readonly action: string;
  readonly operator: string;
  readonly reason: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export function tokenScenario(pipeline: LoginPipeline, sqs: TestSqs): TokenScenario {
  const { folder, environment } = pipeline;
  const cli: TokenScenario["cli"] = (args, stdin) =>
    runCli(args, { folder, environment, ...(stdin === undefined ? {} : { stdin }) });
  const must: TokenScenario["must"] = async (...args) => {
    const result = await cli(args);
    if (result.code !== 0) throw new Error(`${args.join(" ")}: ${result.stderr}`);
    return result;
  };
  return {
    cli,
    must,
    async land(...logins) {
      await sqs.send(pipeline.queue.url, logins.map(eventOf));
      await must("run", "--until-empty");
    },
    async rotate(version, ...options) {
      await must("keys", "add", ...options);
      await must("keys", "promote", String(version));
    },
    async destroy(version) {
      await must("keys", "retire", String(version));
      await must("keys", "destroy", String(version), "--yes");
    },
    audit: () =>
      query<{ action: string; operator: string; reason: string | null; details: Record<string, unknown> }>(
        pipeline.databaseUrl,
        "SELECT action, operator, reason, details FROM piipe.audit ORDER BY id",
      ),
    async dump() {
      const tables = await query<{ name: string }>(
        pipeline.databaseUrl,
        `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('public', 'piipe')`,
      );
      const texts: string[] = [];
      for (const { name } of tables) {
        const [row] = await query<{ text: string | null }>(
          pipeline.databaseUrl,
          `SELECT string_agg(t::text, E'\\n') AS text FROM ${name} AS t`,
        );
        texts.push(row?.text ?? "");
      }
      return texts.join("\n");
    },
  };
}

const eventOf = ({ user, ip, device = "593-47-5928" }: Login): string =>
  JSON.stringify({ user_id: user, app_version: "2.3.0", device_type: "android", ip, locale: "DE", device_id: device });
