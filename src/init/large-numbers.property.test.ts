import fc from "fast-check";
import { expect, it } from "vitest";
import { decoderOf } from "../../tests/support/one-table.ts";
import { collectFields } from "./collect-fields.ts";
import { columnOf } from "./column-of.ts";
import { inferColumns } from "./infer-columns.ts";
import { deliveryOf, parseEvents } from "./parse-events.ts";
import { parseSample } from "./parse-sample.ts";

const digits = fc.stringMatching(/^[1-9]\d{14,24}$/);
const written = fc.oneof(
  digits,
  digits.map((text) => `-${text}`),
  fc.tuple(fc.integer({ min: 1, max: 999 }), fc.integer({ min: 0, max: 300 })).map(([n, power]) => `${n}e${power}`),
  digits.map((text) => `${text}.0`),
);
/** As a value, in an object, and inside of an array. */
const value = fc.oneof(
  written,
  written.map((number) => `{ "b": ${number} }`),
  written.map((number) => `[${number}, 1]`),
);

it("whatever numbers an event holds, a run takes it with the columns that it suggests", () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), fc.boolean(), (values, isArray) => {
      const event = `{ ${values.map((one, index) => `"v_${index}": ${one}`).join(", ")} }`;
      const bodies = parseSample(isArray ? `[${event}, ${event}]` : `${event}\n${event}`);
      expect(bodies).toEqual([event, event]);
      const { columns, leftOut } = inferColumns(collectFields(parseEvents(bodies, []).events), null);
      // Some digits are a card's by chance.
      expect(leftOut.filter(({ why }) => !why.startsWith("looks personal"))).toEqual([]);
      expect(columns).toHaveLength(values.length - leftOut.length);
      const decode = decoderOf(columns.map(columnOf), new Map(), { unknownFields: "ignore" });
      expect(decode(deliveryOf(event))).toMatchObject({ ok: true });
    }),
    { numRuns: 300 },
  );
});
