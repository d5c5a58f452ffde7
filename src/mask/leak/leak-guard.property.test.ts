import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../../../tests/support/code-point.ts";
import { testColumn } from "../../../tests/support/test-column.ts";
import { COLUMN_TYPES, DETECTOR_NAMES, PII_DETECTIONS, type Column, type RawValue } from "../../pipeline/contracts.ts";
import { isMasked, normalizerOf } from "../column-tokens.ts";
import { compileLeakGuard } from "./leak-guard.ts";

function guard(columns: readonly Column[], values: readonly RawValue[]) {
  const hidden = columns.map((column, index) => {
    const value = values[index] ?? null;
    const text = isMasked(column) && value !== null ? normalizerOf(column)(String(value)) : null;
    return text === "" ? null : text;
  });
  return compileLeakGuard([columns])([{ row: { table: 0, values }, hidden }]);
}

const personalText = fc.oneof(
  fc.emailAddress(),
  fc.ipV4(),
  fc.ipV6(),
  fc.uuid(),
  fc.string({ unit: codePoint }),
  fc.string({ unit: "grapheme" }),
  fc.stringMatching(/^[+(]?[\d .()-]{5,20}$/),
);
const anyValue: fc.Arbitrary<RawValue> = fc.oneof(
  personalText,
  fc.json(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const KINDS = [...DETECTOR_NAMES, "inner-name"];
const anyColumn = fc.record({
  type: fc.constantFrom(...COLUMN_TYPES),
  mask: fc.constantFrom(null, null, "hmac-sha256" as const, "sha256" as const, "drop" as const),
  piiDetection: fc.constantFrom(...PII_DETECTIONS),
});

test("whatever the values are, the guard does not throw, and its verdict holds nothing of them", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyColumn, anyValue), { maxLength: 6 }), (pairs) => {
      const columns = pairs.map(([fields], index) => testColumn({ ...fields, name: `c${index}`, from: `f.${index}` }));
      const verdict = guard(
        columns,
        pairs.map(([, value]) => value),
      );
      // Nothing but names of the configuration and of closed lists, none of which comes from a value.
      const allowed = verdict.ok
        ? columns.flatMap(({ name: column }) => KINDS.map((detector) => ({ column, detector })))
        : columns.flatMap(({ from: path }) => [
            { code: "leak.detected", path },
            ...columns.map(({ name }) => ({ code: "leak.echo", path, detail: `the value of ${name}` })),
          ]);
      for (const told of verdict.ok ? verdict.value : [verdict.error]) expect(allowed).toContainEqual(told);
      expect(Object.keys(verdict)).toEqual(["ok", verdict.ok ? "value" : "error"]);
    }),
    { numRuns: 500 },
  );
});

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
);
const SECRET = testColumn({ name: "full_name", type: "text", mask: "hmac-sha256" });
const secret = fc
  .oneof(
    fc.string({ unit: "grapheme", minLength: 5 }),
    fc.string({ unit: "grapheme-ascii", minLength: 5 }),
    fc.emailAddress(),
    fc.uuid(),
  )
  // Shorter ones, as they are compared, are looked for as a whole; few digits alone are a part of longer numbers by chance.
  .filter((value) => (normalizerOf(SECRET as never)(value) ?? "").length >= 5 && !/^\d{5,6}$/.test(value.trim()));
const columns = [SECRET, testColumn({ name: "a", type: "text" }), testColumn({ name: "b", type: "json" })];
const echo = (path: string, name = SECRET.name) => ({
  ok: false,
  error: { code: "leak.echo", path, detail: `the value of ${name}` },
});

test("a raw value is found wherever it is embedded in a text", () => {
  fc.assert(
    fc.property(text, secret, text, (before, value, after) => {
      expect(guard(columns, [value, before + value + after, "{}"])).toEqual(echo("a"));
      expect(guard(columns, [value, before + value.trim() + after, "{}"])).toEqual(echo("a"));
      expect(guard(columns, [value, `${before} ${value.normalize("NFD")} ${after}`, "{}"])).toEqual(echo("a"));
    }),
    { numRuns: 300 },
  );
});

test("a raw value is found wherever it is embedded in JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), text, secret, text, fc.nat(2), (other, before, value, after, place) => {
      const embedded = before + value + after;
      const json = [{ k: embedded, other }, [other, [embedded]], { [embedded]: other }][place];
      expect(guard(columns, [value, "", JSON.stringify(json)])).toEqual(echo("b"));
    }),
    { numRuns: 300 },
  );
});

test("an address is found in whichever spelling it is", () => {
  const [, , ...rest] = columns;
  const ofIp = [
    testColumn({ name: "ip", type: "ip", mask: "hmac-sha256" }),
    testColumn({ name: "a", type: "text" }),
    ...rest,
  ];
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
      // Too short to be looked for.
      fc.pre(normalizerOf(ofIp[0] as never)(ip) !== "::");
      for (const spelling of [ip, ip.toUpperCase(), normalizerOf(ofIp[0] as never)(ip)]) {
        expect(guard(ofIp, [ip, spelling, "{}"])).toEqual(echo("a", "ip"));
      }
    }),
  );
});

test("what holds no part of the value is never taken for an echo", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-m]{5,20}$/), fc.stringMatching(/^[n-z ]{0,40}$/), (value, other) => {
      expect(guard(columns, [value, other, JSON.stringify({ [other]: other })])).toEqual({ ok: true, value: [] });
    }),
  );
});
