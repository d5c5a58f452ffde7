import fc from "fast-check";
import { expect, test } from "vitest";
import { PiipeError } from "../errors.ts";
import { addVersion, destroyVersion, promoteVersion, retireVersion } from "./edit-keyring.ts";
import { KEY_STATES } from "./key-version.ts";
import { Keyring } from "./keyring.ts";
import { createKeys } from "./new-keyring.ts";

type Edit = (keyring: Keyring) => Keyring;
const now = new Date(0);
const version = fc.integer({ min: 1, max: 8 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.boolean().map(
    (isOver): Edit =>
      (keyring) =>
        addVersion(keyring, { isOver, now }).keyring,
  ),
  version.map(
    (number): Edit =>
      (keyring) =>
        promoteVersion(keyring, number),
  ),
  version.map(
    (number): Edit =>
      (keyring) =>
        retireVersion(keyring, number),
  ),
  version.map(
    (number): Edit =>
      (keyring) =>
        destroyVersion(keyring, number),
  ),
);

test("whatever is done in whatever order, the keyring can be read, has its primary version, and no version goes back", () => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 40 }), (edits) => {
      let keyring = Keyring.parse(createKeys(now).keyring, "keyring");
      for (const apply of edits) {
        let next: Keyring;
        try {
          next = apply(keyring);
        } catch (error) {
          if (!(error instanceof PiipeError)) throw error;
          expect(["keys.conflict", "usage.invalid"]).toContain(error.code);
          continue;
        }
        expect(Keyring.parse(next.serialize(), "keyring").equals(next)).toBe(true);
        expect(next.primary).not.toBeNull();
        for (const { version: number, state, over } of keyring.versions) {
          const later = next.find(number);
          expect(later?.over).toBe(over);
          expect(KEY_STATES.indexOf(later?.state ?? "pending")).toBeGreaterThanOrEqual(KEY_STATES.indexOf(state));
        }
        keyring = next;
      }
    }),
  );
});
