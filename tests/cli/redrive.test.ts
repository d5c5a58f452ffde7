import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { redriveCommand } from "../../src/cli/commands/redrive.ts";
import { type CliResult, runCli, startCommand } from "../support/cli.ts";
import { createDeadLetters, type DeadLetters } from "../support/dead-letters.ts";
import { loginEvents } from "../support/login-events.ts";
import { query } from "../support/postgres.ts";
import { withoutStyle } from "../support/pseudo-terminal.ts";
import { scriptedTerminal } from "../support/scripted-terminal.ts";
import { sqsError } from "../support/sqs-proxy.ts";
import { queueArn, testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const CANARY = "canary-7be1";
const BAD = JSON.stringify({ ...(JSON.parse(loginEvents(1)[0] ?? "") as object), ip: `${CANARY}.999` });

const sqs = testSqs();
let letters: DeadLetters;
beforeEach(async () => {
  letters = await createDeadLetters(sqs);
});
afterEach(() => letters.remove());

const redrive = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
  runCli(["redrive", ...args], {
    folder: letters.pipeline.folder,
    environment: { ...letters.pipeline.environment, ...environment },
  });

const jsonOf = ({ stdout }: CliResult): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

const audits = () =>
  query<{ action: string; reason: string | null; details: object }>(
    letters.pipeline.databaseUrl,
    "SELECT action, reason, details FROM piipe.audit ORDER BY id",
  );

/** Through the configured queue into its dead-letter queue. */
async function die(bodies: readonly string[]): Promise<void> {
  const { url } = letters.pipeline.queue;
  await sqs.send(url, bodies);
  await letters.move(url);
}

describe("piipe redrive", () => {
  it("stores and deletes what the dead-letter queue holds, quarantines what is refused, and notes who did it", async () => {
    await die([...loginEvents(30), BAD]);
    const result = await redrive(["--yes", "--reason", " mended the table "]);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 0, stdout: "" });
    // A slow machine gives lines of progress as well.
    expect(result.stderr.replaceAll(/^messages \d.*\n/gm, "")).toBe(
      "31 messages: stored 30, already there 0, quarantined 1, deleted 31\n" +
        "  1 × field.format at ip (expected an IP address, found other text)\n" +
        "`piipe quarantine list` shows what was quarantined, and why.\n",
    );
    expect(await letters.pipeline.rows()).toBe(30);
    expect(await letters.pipeline.quarantined()).toEqual([{ reason: "field.format", path: "ip" }]);
    expect(await letters.count()).toMatchObject({ total: 0 });
    const origin = await queueArn(sqs.endpoint, letters.pipeline.queue.url);
    expect(await audits()).toEqual([
      {
        action: "redrive",
        reason: "mended the table",
        details: { from: letters.queue.arn, queue: origin, table: "user_logins", takesUnmarked: false },
      },
    ]);
    // Under the queue that the message came from: there the quarantine's commands look for it.
    const listed = await runCli(["quarantine", "list", "--json"], letters.pipeline);
    expect(JSON.parse(listed.stdout)).toMatchObject({ queues: [origin], total: 1 });
  });

  it("--json prints the totals, and nothing raw", async () => {
    await die([...loginEvents(3), BAD]);
    const result = await redrive(["--yes", "--json"]);
    expect(result.code).toBe(0);
    expect(jsonOf(result)).toEqual({
      dryRun: false,
      from: letters.queue.arn,
      queue: await queueArn(sqs.endpoint, letters.pipeline.queue.url),
      received: 4,
      stored: 3,
      skipped: 0,
      duplicate: 0,
      quarantined: 1,
      left: 0,
      foreign: 0,
      unmarked: 0,
      unseen: 0,
      hidden: 0,
      deleted: 4,
      refusals: [{ code: "field.format", path: "ip", detail: "expected an IP address, found other text", count: 1 }],
      elapsedMs: expect.any(Number),
    });
    expect(result.stdout + result.stderr).not.toContain(CANARY);
  });

  it("ends by itself on an empty dead-letter queue", async () => {
    const { code, stderr } = await redrive(["--yes"]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "0 messages: stored 0, already there 0, quarantined 0, deleted 0\n",
    });
  });

  it("leaves messages without a sealing key where they are, and says how many", async () => {
    const file = join(letters.pipeline.folder, "piipe.keys.json");
    const keys = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    delete keys["sealing"];
    await writeFile(file, JSON.stringify(keys));
    await die([...loginEvents(2), BAD]);
    const { code, stderr } = await redrive(["--yes"]);
    expect(code).toBe(0);
    expect(stderr).toContain("stored 2, already there 0, quarantined 0, deleted 2");
    expect(stderr).toContain("refused, and left in the dead-letter queue for want of a sealing key: 1");
    expect((await letters.count()).total).toBe(1);
  });
});

describe("piipe redrive, of what it leaves alone", () => {
  beforeEach(async () => {
    await die(loginEvents(6));
    const other = await letters.createOtherQueue();
    await sqs.send(other.url, loginEvents(2));
    await letters.move(other.url);
    await sqs.send(letters.queue.url, loginEvents(3));
  });

  it("takes neither another queue's messages nor those that say nothing of where they come from", async () => {
    const { code, stderr } = await redrive(["--yes"]);
    expect(code).toBe(0);
    expect(stderr).toBe(
      "6 messages: stored 6, already there 0, quarantined 0, deleted 6\n" +
        "left alone, as another queue's: 2\n" +
        "left alone, as they do not say which queue they come from: 3; --from takes them too\n" +
        `  servers other than AWS's may never say so: \`piipe redrive --from ${letters.queue.arn}\`\n`,
    );
    expect(await letters.count()).toMatchObject({ visible: 5, inFlight: 0 });
    expect((await redrive(["--dry-run"])).stderr).toBe(
      "5 messages found, none taken:\n" +
        "left alone, as another queue's: 2\n" +
        "left alone, as they do not say which queue they come from: 3; --from takes them too\n" +
        `  servers other than AWS's may never say so: \`piipe redrive --from ${letters.queue.arn}\`\n` +
        "nothing was written or deleted; each message was received once more\n",
    );
  });

  it.each([
    ["name", () => letters.queue.name],
    ["URL", () => letters.queue.url],
    ["ARN", () => letters.queue.arn],
  ])("with --from a %s takes the latter, and still none of another queue", async (_, from) => {
    const result = await redrive(["--yes", "--json", "--from", from()]);
    expect(result.code).toBe(0);
    expect(jsonOf(result)).toMatchObject({ from: letters.queue.arn, stored: 9, foreign: 2, unmarked: 0, deleted: 9 });
    expect(await letters.count()).toMatchObject({ visible: 2, inFlight: 0 });
    expect(await audits()).toMatchObject([{ details: { takesUnmarked: true } }]);
  });
});

describe("piipe redrive at a terminal", () => {
  const options = { config: "piipe.yaml", from: null, dryRun: false, reason: null, yes: false, json: false };

  it("asks with the approximate count, and does nothing without a yes", async () => {
    await die(loginEvents(4));
    const { terminal, output } = scriptedTerminal(letters.pipeline, { secret: null, confirm: false });
    const asked: string[] = [];
    const ask = terminal.ask && {
      ...terminal.ask,
      confirm: (question: string) => {
        asked.push(question);
        return Promise.resolve(false);
      },
    };
    expect(await inProcess({ ...terminal, ask }, options)).toBe(130);
    expect(asked).toEqual([expect.stringContaining(`about 4 messages of ${letters.queue.arn}`)]);
    expect(output.error).toContain("nothing was redriven");
    expect(await letters.count()).toMatchObject({ visible: 4 });
    expect(await audits()).toEqual([]);
  });

  it("goes ahead with a yes, and shows a bar", async () => {
    await die(loginEvents(4));
    const { terminal, output } = scriptedTerminal(letters.pipeline, { secret: null, confirm: true });
    expect(await inProcess(terminal, options)).toBe(0);
    expect(output.error).toContain("messages 4 of 4");
    expect(output.error).toContain("stored 4,");
    expect(await letters.count()).toMatchObject({ total: 0 });
  });

  it("leaves a bar that shows what Ctrl-C left to do", async () => {
    await die(loginEvents(30));
    const { terminal, output } = scriptedTerminal(letters.pipeline, { secret: null, confirm: true });
    let interrupt: (signal: "SIGINT") => void = () => {};
    let receives = 0;
    letters.proxy.answer = ({ action }) => {
      if (action === "DeleteMessageBatch") interrupt("SIGINT");
      return action === "ReceiveMessage" && ++receives > 2 ? { status: 200, body: "{}" } : undefined;
    };
    const stoppable = { ...terminal, onSignal: (listener: typeof interrupt) => void (interrupt = listener) };
    expect(await inProcess(stoppable, options)).toBe(130);
    expect(withoutStyle(output.error)).toMatch(/█░+ messages \d+ of 30,/);
  });
});

/** The AWS chain reads the process's own environment. */
async function inProcess(
  terminal: Parameters<typeof redriveCommand>[1],
  options: Parameters<typeof redriveCommand>[0],
): Promise<number> {
  for (const [name, value] of Object.entries(letters.pipeline.environment)) vi.stubEnv(name, value);
  try {
    return await redriveCommand(options, terminal);
  } finally {
    vi.unstubAllEnvs();
  }
}

describe("piipe redrive --dry-run", () => {
  it("tells what would happen, writes and deletes nothing, and gives all messages back", async () => {
    await die([...loginEvents(25), BAD, BAD]);
    const tables = "SELECT (SELECT count(*) FROM piipe.ledger) + (SELECT count(*) FROM piipe.key_checks) AS rows";
    const before = await query(letters.pipeline.databaseUrl, tables);
    const text = await redrive(["--dry-run"]);
    expect({ code: text.code, stdout: text.stdout }).toEqual({ code: 0, stdout: "" });
    expect(text.stderr).toBe(
      "27 messages: 25 would be stored, 0 already there, 2 would be quarantined\n" +
        "  2 × field.format at ip (expected an IP address, found other text)\n" +
        "nothing was written or deleted; each message was received once more\n",
    );
    const json = await redrive(["--dry-run", "--json"]);
    expect(json.code).toBe(0);
    expect(jsonOf(json)).toMatchObject({
      dryRun: true,
      received: 27,
      wouldStore: 25,
      duplicate: 0,
      wouldQuarantine: 2,
    });
    expect(jsonOf(json)).toMatchObject({ deleted: 0, refusals: [{ code: "field.format", path: "ip", count: 2 }] });
    expect(await letters.pipeline.rows()).toBe(0);
    expect(await letters.pipeline.quarantined()).toEqual([]);
    expect(await query(letters.pipeline.databaseUrl, tables)).toEqual(before);
    expect(await audits()).toEqual([]);
    expect(await letters.count()).toMatchObject({ visible: 27, inFlight: 0 });
    expect(text.stderr + json.stdout + json.stderr).not.toContain(CANARY);
  });

  it("tells what is stored and what is quarantined already", async () => {
    await sqs.send(letters.pipeline.queue.url, [...loginEvents(5), BAD]);
    letters.proxy.answer = ({ action }) =>
      action === "DeleteMessageBatch" ? sqsError("InternalError", 500) : undefined;
    const run = await runCli(["run", "--until-empty", "--json"], letters.pipeline);
    expect(jsonOf(run)).toMatchObject({ stored: 5, quarantined: 1, deleted: 0 });
    letters.proxy.answer = () => undefined;
    expect(await letters.count()).toMatchObject({ visible: 6 });
    const result = await redrive(["--dry-run", "--json"]);
    expect(jsonOf(result)).toMatchObject({ received: 6, wouldStore: 0, duplicate: 6, wouldQuarantine: 0 });
    expect(await letters.count()).toMatchObject({ visible: 6, inFlight: 0 });
  });

  it("gives the messages back after Ctrl-C", async () => {
    await die(loginEvents(400));
    let receives = 0;
    const { change } = letters.proxy;
    letters.proxy.change = (request, reply) => {
      if (request.action === "ReceiveMessage") receives += 1;
      return change(request, reply);
    };
    const running = startCommand(["redrive", "--dry-run", "--json"], letters.pipeline);
    await until("messages have come", () => receives >= 5);
    running.signal("SIGINT");
    const result = await running.ended;
    expect(result.code).toBe(130);
    expect(jsonOf(result)).toMatchObject({ dryRun: true, hidden: 0 });
    await until("all are visible", async () => (await letters.count()).visible === 400);
    expect(await letters.pipeline.rows()).toBe(0);
  });

  it("gives the messages back when it fails", async () => {
    await die(loginEvents(400));
    let receives = 0;
    letters.proxy.answer = ({ action }) =>
      action === "ReceiveMessage" && ++receives > 5 ? sqsError("AccessDenied", 403) : undefined;
    const result = await redrive(["--dry-run", "--json"]);
    expect(result.code).toBe(4);
    expect(jsonOf(result)).toMatchObject({ error: { code: "queue.denied" } });
    expect(await letters.count()).toMatchObject({ visible: 400, inFlight: 0 });
  });

  it("says what it could not give back", async () => {
    await die(loginEvents(3));
    letters.proxy.answer = ({ action }) =>
      action === "ChangeMessageVisibilityBatch" ? sqsError("AccessDenied", 403) : undefined;
    const { stderr } = await redrive(["--dry-run"]);
    expect(stderr).toContain("not given back, and visible again after the visibility timeout: 3");
  });
});
