import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { askAtTerminal } from "./confirm.ts";
import type { Ask } from "./terminal.ts";

/** What a question gives when a person types the keys, and what is shown of it. */
async function answerTo<T>(question: (ask: Ask) => Promise<T>, keys: string): Promise<{ answer: T; shown: string }> {
  const streams = { input: new PassThrough(), output: new PassThrough() };
  let shown = "";
  streams.output.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  // Nobody types before the question stands there.
  streams.output.once("data", () => setImmediate(() => streams.input.write(keys)));
  return { answer: await question(askAtTerminal(streams)), shown };
}

describe("a question at the terminal", () => {
  it("takes a secret and shows no character of it", async () => {
    const { answer, shown } = await answerTo((ask) => ask.secret("the value of ip:"), "9.9.9.9\r");
    expect(answer).toBe("9.9.9.9");
    expect(shown).toContain("the value of ip:");
    expect(shown).not.toContain("9.9");
  });

  it("takes a yes only when it was given", async () => {
    expect((await answerTo((ask) => ask.confirm("Sure?"), "\r")).answer).toBe(false);
    expect((await answerTo((ask) => ask.confirm("Sure?"), "y")).answer).toBe(true);
  });

  it("takes a text, and no empty one", async () => {
    const { answer, shown } = await answerTo((ask) => ask.text("Which queue?"), "\rlogins \r");
    expect(answer).toBe("logins");
    expect(shown).toContain("Type an answer");
  });

  it.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("is cancelled by %s", async (_, key) => {
    expect((await answerTo((ask) => ask.secret("the value of ip:"), key)).answer).toBeNull();
    expect((await answerTo((ask) => ask.confirm("Sure?"), key)).answer).toBeNull();
    expect((await answerTo((ask) => ask.text("Which queue?"), key)).answer).toBeNull();
  });

  it("is cancelled by the end of the input", async () => {
    const streams = { input: new PassThrough(), output: new PassThrough() };
    streams.output.once("data", () => streams.input.end()).resume();
    expect(await askAtTerminal(streams).confirm("Sure?")).toBeNull();
  });
});
