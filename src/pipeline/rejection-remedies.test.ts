import { expect, it } from "vitest";
import { REJECTION_CODES } from "./contracts.ts";
import { REJECTION_REMEDIES, remedyOf } from "./rejection-remedies.ts";

it("has one sentence for each reason", () => {
  expect(Object.keys(REJECTION_REMEDIES)).toEqual(Object.keys(REJECTION_CODES));
  for (const remedy of Object.values(REJECTION_REMEDIES))
    expect(remedy).toMatch(/^[A-Z][^.]*(?:\.yaml[^.]*|\.md[^.]*)*\.$/);
});

it("tells a row that is there already from a constraint that is in the way", () => {
  expect(remedyOf("database.constraint")).toMatch(/UNIQUE .* there already, discard .*`dedupeBy`/);
});

it("has none for the reason of another version", () => {
  expect(remedyOf("field.later")).toBeNull();
  expect(remedyOf("field.null")).toContain("nullable: true");
});
