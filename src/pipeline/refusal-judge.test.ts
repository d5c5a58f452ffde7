import { expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { RefusalJudge } from "./refusal-judge.ts";

const clock = { ...systemClock, sleep: () => Promise.resolve() };
const refused = [{ id: "1", sentAtMs: 0, attempt: 1, rejection: { code: "body.not-json", path: null } }];
const BATCH = { records: [], refused: refused as never };

it("is in doubt until its one wait is over; a wait that a run's end cuts short is none", async () => {
  const judge = new RefusalJudge(0.5, clock);
  judge.countEvent(true);
  let overs = 0;
  const wait = (ended: AbortSignal): Promise<void> =>
    judge.waitOnce(
      () => false,
      ended,
      () => (overs += 1),
    );
  await wait(AbortSignal.abort());
  expect([judge.isInDoubt(BATCH), judge.needsMore, overs]).toEqual([true, true, 0]);
  const goesOn = new AbortController().signal;
  await wait(goesOn);
  expect([judge.isInDoubt(BATCH), judge.needsMore, overs]).toEqual([false, false, 1]);
  await wait(goesOn);
  expect(overs).toBe(1);
});
