import { expect, test } from "vitest";
import { unitsOf } from "./fold.ts";
import { NeedleSearch } from "./needle-search.ts";

const found = (needles: readonly string[], text: string, isPassedOver?: (code: number) => boolean) => {
  const hits: string[] = [];
  const { codes, length } = unitsOf(text);
  new NeedleSearch(needles, isPassedOver).search(codes, length, (needle, end) => {
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

test("of needles that begin alike for as long as is searched for each is told of, the first one first", () => {
  const alike = ["a".repeat(300), `${"a".repeat(256)}b`, "a".repeat(256)];
  expect(found(alike, `-${"a".repeat(256)}`)).toEqual(alike.map((needle) => `${needle}@257`));
});

test("of very many long needles each is found, where they begin alike and where they do not", () => {
  for (const needleOf of [
    (index: number) => `${"https://example.org/a/path/".repeat(2)}${index}${"x".repeat(100)}`,
    (index: number) => `${index}${"x".repeat(150)}`,
    (index: number) => `${"é".repeat(100)}${String.fromCharCode(0x4e00 + (index >> 1))}${"y".repeat(90)}${index % 2}`,
  ]) {
    const needles = Array.from({ length: 4_096 }, (_, index) => needleOf(index));
    for (const index of [0, 1, 2_047, 4_095]) {
      const text = `-${needles[index] ?? ""}-`;
      const hits = found(needles, text).filter((hit) => hit.startsWith(`${needles[index] ?? ""}@`));
      expect(hits).toHaveLength(1);
    }
  }
});

test("what is found is the same in a text that is so long that a table is made for it", () => {
  const needles = ["she", "he", "hers", "é1", "12345"];
  const isBlank = (code: number): boolean => code === 0x20;
  const text = "ushers é 1 u sh ers 1234 5 é1 ";
  const short = found(needles, text, isBlank);
  expect(short).toEqual(["she@4", "he@4", "hers@6", "é1@10", "she@17", "he@17", "hers@19", "12345@26", "é1@29"]);
  const filler = "-".repeat(40_000);
  const shift = (hit: string): string => hit.replace(/\d+$/, (end) => String(Number(end) + filler.length));
  expect(found(needles, filler + text, isBlank)).toEqual(short.map(shift));
});
