import { expect, test } from "vitest";
import { didYouMean, editDistance } from "./did-you-mean.ts";

test.each([
  ["", "", 0],
  ["", "abc", 3],
  ["kitten", "sitting", 3],
  ["table", "tabel", 1],
  ["ab", "ba", 1],
  ["ca", "abc", 3],
  ["rows", "rows", 0],
])("from %j to %j are %i edits, either way", (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

test.each([
  ["tabel", "table"],
  ["TABLE", "table"],
  ["maxConnection", "maxConnections"],
  ["ur", "url"],
])("%s is a slip of %s", (word, meant) => {
  expect(didYouMean(word, ["url", "table", "createTable", "maxConnections"])).toBe(meant);
});

test("the nearest wins, and of equals the first", () => {
  expect(didYouMean("rowss", ["crows", "rows", "row"])).toBe("rows");
  expect(didYouMean("mode", ["node", "more"])).toBe("node");
});

test.each(["dedupeBy", "x", "xyz", "t".repeat(1_000_000)])("%.10s… is a slip of nothing", (word) => {
  expect(didYouMean(word, ["url", "table", "id"])).toBeNull();
});
