import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../", import.meta.url);
const rows = readFileSync(new URL("docs/guarantees.md", root), "utf8")
  .split("\n")
  .filter((line) => /^\|.*`(?:src|tests)\//.test(line));

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
      expect(textOf(path), path).toMatch(/\b(?:it|test)[.(]/);
    }
  });

  it.each(rows.filter((row) => row.includes("“")))("quotes titles of tests: %s", (row) => {
    const tests = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((path) => /^(?:src|tests)\/.*\.test\.ts$/.test(path))
      .map((path) => readFileSync(new URL(path, root), "utf8"))
      .join("\n");
    for (const [, title = ""] of row.matchAll(/“([^”]+)”/g)) expect(tests).toContain(`"${title}`);
  });
});
