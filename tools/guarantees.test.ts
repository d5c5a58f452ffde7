import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../", import.meta.url);
const rows = readFileSync(new URL("docs/guarantees.md", root), "utf8")
  .split("\n")
  .filter((line) => /^\|.*`(?:src|tests)\//.test(line));

/** Each quoted title with the files of its row; "the same file" is that of the row above. */
const quotes = readFileSync(new URL("docs/guarantees.md", root), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .flatMap((line, index, lines) => {
    let named = index;
    while (named > 0 && !/`(?:src|tests)\//.test(lines[named] ?? "")) named -= 1;
    const paths = [...(lines[named] ?? "").matchAll(/`((?:src|tests)\/[^`]+)`/g)].map(([, path = ""]) => path);
    return [...line.matchAll(/“([^”]+)”/g)].map(([, title = ""]) => [paths.join(", "), title] as const);
  });

/** The tests' text: a file's own, a folder's all together. */
function textOf(path: string): string {
  const url = new URL(path, root);
  if (!statSync(url).isDirectory()) return readFileSync(url, "utf8");
  const tests = readdirSync(url).filter((name) => name.endsWith(".test.ts"));
  return tests.map((name) => readFileSync(new URL(name, `${url.href.replace(/\/$/, "")}/`), "utf8")).join("\n");
}

describe("docs/guarantees.md", () => {
  it("has rows that name tests", () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  it.each(rows)("names tests that exist: %s", (row) => {
    const paths = [...row.matchAll(/`((?:src|tests)\/[^`]+)`/g)].map(([, path = ""]) => path);
    for (const path of paths) {
      expect(existsSync(new URL(path, root)), path).toBe(true);
      expect(textOf(path), path).toMatch(/\b(?:it|test\w*)[.(]/);
    }
  });

  it.each(quotes)("quotes titles of the tests that it names: %s, %s", (paths, title) => {
    const text = paths.split(", ").map(textOf).join("\n");
    expect(text).toContain(`"${title}`);
  });
});
