import { expect, test, vi } from "vitest";
import { confirm, requireConsent } from "./confirm.ts";
import type { Ask } from "./terminal.ts";

const askThat = (answer: boolean | null): Ask => ({
  secret: vi.fn<Ask["secret"]>(),
  confirm: vi.fn<Ask["confirm"]>(() => Promise.resolve(answer)),
  text: vi.fn<Ask["text"]>(),
});

test.each([
  [true, true],
  [false, false],
  [null, false],
])("the answer %s to the question is %s", async (answer, agrees) => {
  const ask = askThat(answer);
  expect(await confirm("Sure?", false, { ask })).toBe(agrees);
  expect(ask.confirm).toHaveBeenCalledExactlyOnceWith("Sure?");
});

test("--yes asks nobody, with a terminal and without", async () => {
  const ask = askThat(false);
  expect(await confirm("Sure?", true, { ask })).toBe(true);
  expect(await confirm("Sure?", true, { ask: null })).toBe(true);
  expect(ask.confirm).not.toHaveBeenCalled();
});

test("without a terminal and without --yes, nothing counts as consent", async () => {
  const refusal = { code: "usage.invalid", hint: expect.stringContaining("--yes") as string };
  await expect(confirm("Sure?", false, { ask: null })).rejects.toMatchObject(refusal);
  expect(() => requireConsent(false, { ask: null })).toThrow(expect.objectContaining(refusal) as Error);
  expect(() => requireConsent(false, { ask: askThat(null) })).not.toThrow();
  expect(() => requireConsent(true, { ask: null })).not.toThrow();
});
