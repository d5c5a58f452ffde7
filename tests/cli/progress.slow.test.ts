import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { ERASE, hasPseudoTerminal, screenOf, startAtTerminal, withoutStyle } from "../support/pseudo-terminal.ts";
import { testSqs } from "../support/sqs.ts";

const MESSAGES = 3_000;
const isThere = hasPseudoTerminal();
const about = isThere ? "" : ": skipped, there is no `script` of util-linux on this machine";

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs);
});
afterEach(() => pipeline.remove());

describe.skipIf(!isThere)(`run --until-empty at a terminal${about}`, () => {
  it("adds up what several workers do", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    const cli = startAtTerminal(["run", "--until-empty", "--workers", "2"], pipeline);
    expect(await cli.ended).toBe(0);
    const written = withoutStyle(cli.written());
    expect(written).not.toMatch(/ stored \d+ in /);
    const screen = screenOf(written);
    expect(screen.filter((line) => line.startsWith("█"))).toEqual([
      expect.stringMatching(new RegExp(`^█{24} messages ${MESSAGES} of ${MESSAGES}, `)),
    ]);
    expect(screen.filter((line) => /^\[[12]\] .* stopped; nothing in flight$/.test(line))).toHaveLength(2);
  });

  it("fits a narrow terminal, and has no colour where NO_COLOR says so", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    const environment = { ...pipeline.environment, NO_COLOR: "1" };
    const cli = startAtTerminal(["run", "--until-empty"], { folder: pipeline.folder, environment }, 30);
    expect(await cli.ended).toBe(0);
    expect(withoutStyle(cli.written())).toBe(cli.written());
    const drawn = cli
      .written()
      .split(ERASE)
      .slice(1)
      .map((text) => /^[^\r\n]*/.exec(text)?.[0] ?? "");
    expect(drawn.some((line) => line.startsWith("messages "))).toBe(true);
    // A log line erases the bar as well, and may be longer: that does wrap.
    for (const line of drawn.filter((each) => /messages \d/.test(each))) expect(line.length).toBeLessThan(30);
  });

  it("has neither bar nor control characters on a terminal that can do nothing", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(10));
    const environment = { ...pipeline.environment, TERM: "dumb" };
    const cli = startAtTerminal(["run", "--until-empty"], { folder: pipeline.folder, environment });
    expect(await cli.ended).toBe(0);
    expect(cli.written()).not.toContain("\u001b");
    expect(cli.written()).toContain('"type":"batch.written"');
  });

  it("leaves the lines of batches to who asks for details", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(10));
    const cli = startAtTerminal(["run", "--until-empty", "--log-level", "debug"], pipeline);
    expect(await cli.ended).toBe(0);
    expect(cli.written()).toMatch(/ stored 10 in /);
    expect(cli.written()).not.toContain(ERASE);
  });
});
