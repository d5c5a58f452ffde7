import { expect, it } from "vitest";
import { textTable } from "./output.ts";

const ROWS = [
  { id: "a1", reason: "field.type", when: "2026-01-31", count: "7" },
  { id: "b2", reason: "field.null", when: "2026-02-01", count: "12" },
];

it("aligns columns under their names, and numbers to the right", () => {
  const table = `\
  id  reason      when        count
  ──  ──────────  ──────────  ─────
  a1  field.type  2026-01-31      7
  b2  field.null  2026-02-01     12`;
  expect(textTable(ROWS)).toBe(table);
  expect(textTable(ROWS, { charsMax: 35, droppable: ["when"] })).toBe(table);
  expect(textTable([])).toBe("  (none)");
});

it("leaves out what it may where there is no room, and says so", () => {
  expect(textTable(ROWS, { charsMax: 34, droppable: ["absent", "when", "count"] })).toBe(`\
  id  reason      count
  ──  ──────────  ─────
  a1  field.type      7
  b2  field.null     12
  (no room for when: see --json)`);
});

it("writes one field a line where nothing else helps", () => {
  expect(textTable(ROWS, { charsMax: 12, droppable: ["when"] })).toBe(`\
  id      a1
  reason  field.type
  when    2026-01-31
  count   7

  id      b2
  reason  field.null
  when    2026-02-01
  count   12`);
});
