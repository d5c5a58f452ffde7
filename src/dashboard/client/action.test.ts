import { expect, it } from "vitest";
import { describeReport, titleOf } from "./action.ts";

const NOTHING = { events: 0, done: 0, skipped: 0, duplicate: 0, refused: 0, unopened: 0 };

it("names the count", () => {
  expect(titleOf({ kind: "discard", request: { ids: ["1"] }, count: 1, which: "" })).toBe("Discard 1 event?");
  expect(titleOf({ kind: "replay", request: { code: "field.type" }, count: 1_200, which: "" })).toBe(
    "Replay 1,200 events?",
  );
});

it("tells what became of each event", () => {
  expect(describeReport("discard", { ...NOTHING, events: 3, done: 2 })).toEqual(["2 of 3 events discarded."]);
  expect(describeReport("replay", { ...NOTHING, events: 1, done: 1 })).toEqual(["1 of 1 event stored."]);
  expect(
    describeReport("replay", { events: 11, done: 4, skipped: 0, dropped: 1, duplicate: 3, refused: 2, unopened: 1 }),
  ).toHaveLength(5);
});
