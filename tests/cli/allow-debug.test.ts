import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProcess, startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;
beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs);
});
afterAll(async () => {
  await pipeline.remove();
});

const withNode = (nodeOptions: string) => ({
  folder: pipeline.folder,
  environment: { ...pipeline.environment, NODE_OPTIONS: nodeOptions },
});

describe("Node's flags that can show raw values and keys", () => {
  it.each([
    ["run", "--inspect=127.0.0.1:0", "--inspect"],
    ["run", "--report-on-signal", "--report-on-signal"],
    ["mask", "--heapsnapshot-signal=SIGUSR2", "--heapsnapshot-signal"],
    ["demo", "--abort-on-uncaught-exception", "--abort-on-uncaught-exception"],
    ["check", "--heapsnapshot-near-heap-limit=2", "--heapsnapshot-near-heap-limit"],
  ])("%s with %s does not start: exit code 2, nothing on stdout", async (command, flag, name) => {
    const { code, stdout, stderr } = await runProcess([command], withNode(flag));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`NODE_OPTIONS has ${name}`);
    expect(stderr).toContain("[usage.invalid]");
    expect(stderr).toContain("--allow-debug");
  });

  it("run with NODE_DEBUG, which shows the environment of the workers that it starts, starts none", async () => {
    const { folder, environment } = withNode("");
    const { code, stdout, stderr } = await runProcess(["run", "--workers", "2"], {
      folder,
      environment: { ...environment, NODE_DEBUG: "child_process" },
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("the environment has NODE_DEBUG");
    expect(stderr).not.toContain("CHILD_PROCESS");
  });

  it("mask starts with --allow-debug", async () => {
    const event = loginEvents(1)[0];
    const { code, stdout } = await runProcess(["mask", "--allow-debug"], {
      ...withNode("--inspect=127.0.0.1:0"),
      stdin: `${event}\n`,
    });
    expect(code).toBe(0);
    expect(stdout).toContain("masked_ip");
  });

  it("commands that see neither events nor keys do not care", async () => {
    expect((await runProcess(["version"], withNode("--report-on-signal"))).code).toBe(0);
  });
});

describe("SIGUSR1, with which Node starts its debugger in a running process", () => {
  const LISTENING = "Debugger listening";
  // A port of its own: another process of this machine may have the usual one.
  const anyPort = () => withNode("--inspect-port=127.0.0.1:0");

  it("opens none in a run", async () => {
    const worker = startCli(["run"], anyPort());
    await worker.printed("pipeline.started");
    worker.process.kill("SIGUSR1");
    // The run goes on: signals are taken between the events that it stores afterwards.
    for (let round = 1; round <= 3; round += 1) {
      await sqs.send(pipeline.queue.url, loginEvents(5));
      await until("the events are stored", async () => (await pipeline.rows()) >= 5 * round);
      worker.process.kill("SIGUSR1");
    }
    worker.process.kill("SIGTERM");
    const { code, stderr } = await worker.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain(LISTENING);
  });

  it("opens one where --allow-debug says so: the test above could fail", async () => {
    const worker = startCli(["run", "--allow-debug"], anyPort());
    await worker.printed("pipeline.started");
    worker.process.kill("SIGUSR1");
    await worker.printed(LISTENING);
    worker.process.kill("SIGTERM");
    expect((await worker.ended).code).toBe(0);
  });
});
