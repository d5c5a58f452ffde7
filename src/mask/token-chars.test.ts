import { expect, test } from "vitest";
import { testColumn } from "../../tests/support/test-column.ts";
import { type Column, MASK_NAMES, type MaskName } from "../pipeline/contracts.ts";
import type { Tokenize } from "./operators/operator.ts";
import { OPERATORS } from "./operators/operators.ts";
import { tokenCharsOf } from "./token-form.ts";

function tokenizeWith(mask: MaskName, version: number, fields: Partial<Column> = {}): Tokenize {
  const operator = OPERATORS[mask];
  const column = testColumn({ name: "c", type: "text", mask, ...fields });
  if (!operator.needsKey) return operator.create(column);
  // ipcrypt-pfx takes no two equal halves.
  const key = Buffer.from(Array.from({ length: operator.keyBytes }, (_, index) => index));
  return operator.create({ key, version, column });
}

const VERSIONS = [1, 9, 10, 9_999];

test.each(
  (["hmac-sha256", "hmac-over-sha256", "sha256", "redact"] as const).flatMap((mask) =>
    VERSIONS.map((version) => ({ mask, version })),
  ),
)("$mask, version $version: as long as all its tokens are", ({ mask, version }) => {
  const tokenize = tokenizeWith(mask, version);
  for (const text of ["a", "\u00e9".repeat(5_000)]) {
    expect(tokenize(text)).toHaveLength(tokenCharsOf(mask, version) ?? -1);
  }
});

test.each(["ipcrypt-deterministic", "ipcrypt-pfx"] as const)("%s: as long as the longest address", (mask) => {
  const tokenize = tokenizeWith(mask, 1);
  const lengths = Array.from(
    { length: 2_000 },
    (_, index) => tokenize(`2001:db8:${index.toString(16)}::1`)?.length ?? 0,
  );
  // Groups without leading zeros are rarely all of four digits: 3 in 5 addresses.
  expect(Math.max(...lengths)).toBe(tokenCharsOf(mask, 1));
});

test("generalize: as long as what is longest", () => {
  const at = tokenizeWith("generalize", 1, { type: "timestamp", precision: "hour" });
  expect(at("2026-01-31T23:59:59.123456Z")).toHaveLength(tokenCharsOf("generalize", 1) ?? -1);
  const network = tokenizeWith("generalize", 1, { type: "ip" });
  for (const ip of ["255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]) {
    expect(network(ip)?.length).toBeLessThanOrEqual(tokenCharsOf("generalize", 1) ?? -1);
  }
});

test("drop: none, as there is no token", () => {
  expect(tokenCharsOf("drop", 1)).toBe(0);
  expect(tokenizeWith("drop", 1)("text")).toBeNull();
});

test.each(["aes-siv", "fpe-ff1"] as const)("%s: depends on the value", (mask) => {
  expect(tokenCharsOf(mask, 1)).toBeNull();
  const tokenize = tokenizeWith(mask, 1, { digits: 9 });
  expect(tokenize("593-47-5928")?.length).not.toBe(tokenize("593475928")?.length);
});

test("every operator bears its name", () => {
  for (const mask of MASK_NAMES) expect(OPERATORS[mask].name).toBe(mask);
});
