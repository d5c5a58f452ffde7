import { expect, test } from "vitest";
import { unitsOf } from "./fold.ts";
import { NeedleSearch } from "./needle-search.ts";

const found = (needles: readonly string[], text: string): readonly string[] => {
  const hits: string[] = [];
  const { codes, length } = unitsOf(text);
  new NeedleSearch(needles).search(codes, length, (needle, end) => {
    hits.push(`${needles[needle] ?? ""}@${end}`);
    return true;
  });
  return hits;
};

test("needles within needles are found, the longest first", () => {
  expect(found(["she", "he", "hers"], "ushers")).toEqual(["she@4", "he@4", "hers@6"]);
});

test("of very many needles that begin alike each is found", () => {
  const needles = Array.from({ length: 20_000 }, (_, index) => `\u4e00${String.fromCharCode(0x4e01 + index)}\u4e02`);
  const [last = ""] = needles.slice(-1);
  const misses = "\u4e00\u9fff".repeat(100_000);
  expect(found(needles, misses + last + (needles[0] ?? ""))).toEqual([`${last}@200003`, `${needles[0] ?? ""}@200006`]);
});
