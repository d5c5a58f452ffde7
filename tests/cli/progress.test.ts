import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { hasPseudoTerminal, screenOf, startAtTerminal, withoutStyle } from "../support/pseudo-terminal.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const MESSAGES = 1_000;
const isThere = hasPseudoTerminal();
const about = isThere ? "" : ": skipped, there is no `script` of util-linux on this machine";

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs);
});
afterEach(() => pipeline.remove());

describe.skipIf(!isThere)(`run --until-empty at a terminal${about}`, () => {
  it("shows a bar in place of the line of each batch, and other lines above it", async () => {
    await sqs.send(pipeline.queue.url, [...loginEvents(MESSAGES), "not JSON"]);
    const cli = startAtTerminal(["run", "--until-empty"], pipeline);
    expect(await cli.ended).toBe(0);
    const written = withoutStyle(cli.written());
    const all = MESSAGES + 1;
    expect(written).toMatch(new RegExp(`\r\u001b\\[2K[█░]{24} messages \\d+ of ${all}, `));
    expect(written).not.toMatch(/ stored \d+ in /);
    const screen = screenOf(written);
    expect(screen.some((line) => / warn {2}refused an event: body\.not-json/.test(line))).toBe(true);
    expect(screen.find((line) => line.includes("messages"))).toMatch(
      new RegExp(`^█{24} messages ${all} of ${all}, \\d+/s$`),
    );
    expect(screen.filter((line) => /[█░]/.test(line))).toHaveLength(1);
    expect(screen).toContain(`received ${all}, stored ${MESSAGES}, already there 0, quarantined 1, deleted ${all}`);
  });

  it("ends cleanly at Ctrl-C: what was not done stays to be seen, and the summary is on a line of its own", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(5_000));
    const cli = startAtTerminal(["run", "--until-empty"], pipeline);
    await until("the bar has grown", () => /█░* messages \d+ of/.test(withoutStyle(cli.written())));
    cli.type("\u0003");
    expect(await cli.ended).toBe(130);
    const screen = screenOf(withoutStyle(cli.written()));
    expect(screen).toContain("finishing what was received; once more to stop at once");
    expect(screen.some((line) => /^█+░* messages \d+ of \d+, /.test(line))).toBe(true);
    expect(screen.some((line) => line.startsWith("received "))).toBe(true);
    expect(screen.at(-1)).toBe("");
  });
});

it("run --until-empty without a terminal logs a line for each batch, and no control character", async () => {
  await sqs.send(pipeline.queue.url, loginEvents(10));
  const { code, stderr } = await runCli(["run", "--until-empty"], pipeline);
  expect(code).toBe(0);
  expect(stderr).toContain('"type":"batch.written"');
  expect(stderr).not.toContain("\u001b");
  expect(stderr).not.toContain("█");
});
