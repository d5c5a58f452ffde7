import { describe, expect, test } from "vitest";
import { scanJson } from "./scan-json.ts";

describe("scanJson", () => {
  test.each<[string, number, number, number]>([
    ["", 0, 0, 0],
    ["{}", 1, 0, 0],
    ['"a:{[1234"', 0, 0, 0],
    ['{"a":1,"b":{"c":[-12.5e+3]}}', 3, 3, 8],
    ['{"a\\"b":"\\\\","c\\\\":[]}', 2, 2, 0],
    ['{"a":"\\\\\\"{{{:::1234567890"}', 1, 1, 0],
    ['{"\\u0022":1}', 1, 1, 1],
    ["[true,false,null,0]", 1, 0, 1],
    ['{ "a" : [ [ ] , [ [ ] ] ] }', 4, 1, 0],
  ])("%s", (text, depth, keys, numberChars) => {
    const scan = scanJson(text);
    expect([scan.depth, scan.keys]).toEqual([depth, keys]);
    // A single letter e is taken for a part of a number.
    expect(scan.numberChars).toBe(Math.max(numberChars, /true|false/.test(text) ? 1 : 0));
  });

  test.each(['"', '"\\', '"\\"', '{"a', "\\", '\\"'])("ends on the broken text %s", (text) => {
    expect(() => scanJson(text)).not.toThrow();
  });

  test("follows a million nested arrays, closed or not", () => {
    expect(scanJson("[".repeat(1_000_000)).depth).toBe(1_000_000);
    expect(scanJson("[".repeat(100_000) + "]".repeat(100_000)).depth).toBe(100_000);
  });

  test("takes time in proportion to a text of backslashes and quotes", () => {
    // A scan that looked back over the same backslashes for every quote would not end in this test's time.
    const text = `"${'\\\\\\"'.repeat(500_000)}"`;
    expect(scanJson(text)).toEqual({
      depth: 0,
      keys: 0,
      containers: 0,
      numberChars: 0,
      mayRound: false,
      mayVanish: false,
      hasEscapedKey: false,
    });
  });

  test("takes time in proportion to a text of keys before the only backslash", () => {
    // A scan that looked for the backslash from every key would not end in this test's time.
    const text = `{${'"":0,'.repeat(500_000)}"a":"\\\\"}`;
    expect(scanJson(text)).toMatchObject({ keys: 500_001, hasEscapedKey: false });
  });

  test.each<[string, boolean]>([
    ['{"a":1}', false],
    ['{"\\u0061":1}', true],
    ['{"a\\"":1}', true],
    ['{"a" :"\\\\" , "b" : ["\\n"]}', false],
    ['{"a":"\\\\","b\\\\"\n\t:1}', true],
    ['[{"a":[{"b":{"\\u0063":"\\\\"}}]}]', true],
    ['{"a":"\\\\","b":"\\":"}', false],
  ])("whether a key of %s is escaped: %s", (text, hasEscapedKey) => {
    expect(scanJson(text).hasEscapedKey).toBe(hasEscapedKey);
  });

  test.each(["1.00000000000000001", "-123456789012.345", "1e5", "-1E5", "1e-400", "-0", "-0.00", "-0e1"])(
    "%s may be rounded",
    (number) => {
      for (const text of [number, `[true,${number}]`, `{"a":1,"b":[{"c":${number}}]}`]) {
        expect(scanJson(text).mayRound).toBe(true);
      }
    },
  );

  test.each<[string, boolean]>([
    ["1e-400", true],
    ["-1.5E-0324", true],
    [`0.${"0".repeat(330)}1`, true],
    ["1e-99", false],
    ["1e+400", false],
    ["123-456", false],
    ["-1234567", false],
    ["0.000001", false],
    ['"1e-400"', false],
  ])("whether %s may vanish: %s", (number, mayVanish) => {
    for (const text of [number, `[1e5,${number}]`, `{"a":1e5,"b":[{"c":${number}}]}`]) {
      expect(scanJson(text).mayVanish).toBe(mayVanish);
    }
  });

  test.each(["0", "-1", "-0.5", "100.0", "123456789012.34", "9007199254740993", "true", "[false,-1]", '"1e5"'])(
    "%s is exact, or too large",
    (text) => {
      expect(scanJson(text).mayRound).toBe(false);
    },
  );
});
