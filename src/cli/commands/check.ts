import { resolve } from "node:path";
import { type ScaleDemand, type ScalePlan, planScale } from "../../app/scale-plan.ts";
import { columnsOf, type Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { checkDatabase } from "../checks/check-database.ts";
import { checkKeys } from "../checks/check-keys.ts";
import { checkObjects } from "../checks/check-objects.ts";
import { checkQueue } from "../checks/check-queue.ts";
import { type Finding, Findings, ok, printFindings, printSummary, warning } from "../checks/findings.ts";
import { EXIT_CODES, type ExitCode, exitCodeOfErrorCode } from "../failure.ts";
import { counted } from "../output.ts";
import type { Terminal } from "../terminal.ts";

export interface CheckOptions {
  readonly config: string;
  readonly json: boolean;
  /** What `--plan` is to plan for; the connections of each worker are the configuration's. */
  readonly plan: Omit<ScaleDemand, "maxConnections"> | null;
}

/**
 * Goes on after an error wherever the next look does not need what failed. Writes no row, and leaves the queue's messages
 * alone.
 */
export async function checkCommand(options: CheckOptions, terminal: Terminal): Promise<ExitCode> {
  const all: Finding[] = [];
  // Each part as soon as it is known: one that hangs must not hide the others.
  const show = (findings: readonly Finding[]): void => {
    all.push(...findings);
    if (!options.json) printFindings(findings, terminal);
  };
  const findings = new Findings();
  const config = await lookAtConfig(options, findings, terminal);
  const plan = planOf(options.plan, config);
  if (plan !== null) findings.add(showPlan(plan));
  const keys = config === null ? null : await checkKeys(config, findings, terminal);
  show(findings.list);
  if (config !== null) {
    // Where the keyring could not be read, that is what there is to mend.
    const canSeal = keys === null || Boolean(keys.keyring?.sealingPublicKey);
    const queue = checkQueue(config, canSeal);
    // Awaited below: until then its failure, a bug, must not end the process unseen.
    queue.catch(() => {});
    const objects = checkObjects(config);
    objects.catch(() => {});
    show(await checkDatabase(config, keys?.keyring ?? null, plan));
    show(await queue);
    if (config.source.unwrap.includes("s3")) show(await objects);
  }
  if (options.json) terminal.writeOut(`${JSON.stringify({ findings: all, ...(plan === null ? {} : { plan }) })}\n`);
  else printSummary(all, terminal);
  const failed = all.find(({ level }) => level === "error");
  return failed?.code ? exitCodeOfErrorCode(failed.code) : EXIT_CODES.done;
}

function describeTables(config: Config): string {
  const columns = counted(columnsOf(config).length, "column");
  return config.tables.length === 1 ? columns : `${columns} of ${config.tables.length} tables`;
}

async function lookAtConfig(
  options: CheckOptions,
  findings: Findings,
  { folder, environment }: Terminal,
): Promise<Config | null> {
  const config = await findings.look("configuration", async () => {
    const value = await loadConfig(resolve(folder, options.config), environment);
    return { text: `${options.config}: ${describeTables(value)}`, value };
  });
  for (const text of config?.warnings ?? []) findings.add(warning("configuration", text, null));
  return config;
}

function planOf(demand: CheckOptions["plan"], config: Config | null): ScalePlan | null {
  if (demand === null || config === null) return null;
  return planScale({ ...demand, maxConnections: config.sink.postgres.maxConnections });
}

function showPlan(plan: ScalePlan): Finding {
  const promise = `${plan.percent} % visible within ${plan.withinSeconds} s, of up to ${plan.peakPerSecond} messages a second`;
  return ok(
    "plan",
    `${promise}: at most ${counted(plan.workersMax, "worker")}, another for each ${plan.queueLength} messages ` +
      `(queueLength), ${plan.connections} connections`,
  );
}
