import fc from "fast-check";
import { expect, it } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { compileMask } from "../mask/compile-mask.ts";
import { collectFields } from "./collect-fields.ts";
import { columnOf } from "./column-of.ts";
import { FIELDS_MAX, inferColumns } from "./infer-columns.ts";
import { parseEvents } from "./parse-events.ts";
import { tryColumns } from "./try-columns.ts";

const EMAIL = "jane.canary@example.org";
const NAME = "canary smith";

const leaf = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>("x", 7, 0.5, true, null, "") },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(EMAIL, `mail ${EMAIL}`, [EMAIL], JSON.stringify({ to: EMAIL })) },
);
const { node } = fc.letrec<{ node: unknown; record: object }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    tie("record"),
    fc.array(tie("node"), { maxLength: 3 }),
    fc.array(tie("record"), { minLength: 1, maxLength: 2 }),
  ),
  record: fc.oneof(
    fc.dictionary(fc.constantFrom("a", "b", "items", "note", "Records"), tie("node"), { maxKeys: 3 }),
    fc.record({ email: fc.constantFrom<unknown>(EMAIL, null), name: fc.constant(NAME), first_name: fc.constant(NAME) }),
    fc.dictionary(fc.constantFrom(EMAIL, "x y"), tie("node"), { minKeys: 1, maxKeys: 1 }),
  ),
}));
const event = fc.dictionary(fc.constantFrom("id", "a", "b", "customer", "items", "Records"), node, { minKeys: 1 });

it("wherever an email address or a name stands in events, no column stores it", () => {
  const keyring = keyringOf({ 1: "primary" });
  let stored = 0;
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 5 }), fc.constantFrom(FIELDS_MAX, 3), (given, fieldsMax) => {
      const bodies = given.map((one) => JSON.stringify(one));
      const { columns: inferred } = inferColumns(collectFields(parseEvents(bodies, []).events, { fieldsMax }), null);
      const columns = inferred.map(columnOf);
      const mask = compileMask([columns], { keyring, domain: "test", seal: null });
      const { records } = tryColumns(
        bodies,
        [{ columns, when: [], each: null, bounds: new Map() }],
        { unknownFields: "ignore", unwrap: [] },
        mask,
      );
      stored += records.length;
      expect(JSON.stringify(records.map(({ rows }) => rows))).not.toContain("canary");
    }),
    { numRuns: 400 },
  );
  expect(stored).toBeGreaterThan(150);
});
