import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskOf } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { Keyring } from "../keys/keyring.ts";
import type { Column, ColumnType, ColumnValue, MaskName } from "../pipeline/contracts.ts";

interface Place {
  readonly column?: string;
  readonly domain?: string;
  readonly version?: number;
  readonly rootFill?: number;
  readonly mask?: MaskName;
  readonly type?: ColumnType;
  readonly fields?: Partial<Column>;
}

/** Masks one value from scratch: nothing is shared between two calls. */
function masked(value: string, place: Place = {}): ColumnValue {
  const { column = "c", domain = "d", version = 1, rootFill = 1, mask = "hmac-sha256", type = "text" } = place;
  const root = Buffer.alloc(32, rootFill).toString("base64url");
  const versions = [{ version, state: "primary", created: "2026-01-31T12:00:00Z", root }];
  const keyring = Keyring.parse(JSON.stringify({ piipe: "keyring", format: 1, versions }), "keyring");
  const declared = testColumn({ name: column, type, mask, ...place.fields });
  const result = maskOf([declared], { keyring, domain, seal: null })({
    id: "1",
    sentAtMs: 0,
    values: [value],
    unknownFields: [],
    businessId: null,
  });
  if (!result.ok) throw new Error(result.error.code);
  const [token] = result.value.values;
  if (token === undefined) throw new Error("the record lost its value");
  return token;
}

const token = (value: string, place?: Place): string => String(masked(value, place));

const visible = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.trim() !== "");
const address = fc.oneof(fc.ipV4(), fc.ipV6());
/** So many that two tokens are never equal by chance. */
const sixteenDigits = fc
  .array(fc.constantFrom(..."0123456789"), { minLength: 16, maxLength: 16 })
  .map((digits) => digits.join("").replace(/(.{4})(?=.)/g, "$1-"));

interface Case {
  readonly mask: MaskName;
  readonly type: ColumnType;
  readonly value: fc.Arbitrary<string>;
  readonly fields?: Partial<Column>;
  readonly showsVersion: boolean;
  /** What every token looks like, of key version 1. */
  readonly isToken: (token: string) => boolean;
}

const KEYED: readonly Case[] = [
  {
    mask: "hmac-sha256",
    type: "text",
    value: visible,
    showsVersion: true,
    isToken: (text) => /^h1_[A-Za-z0-9_-]{43}$/.test(text),
  },
  {
    mask: "hmac-over-sha256",
    type: "text",
    value: visible,
    showsVersion: true,
    isToken: (text) => /^w1_[A-Za-z0-9_-]{43}$/.test(text),
  },
  {
    mask: "aes-siv",
    type: "text",
    value: visible,
    showsVersion: true,
    isToken: (text) => /^s1_[A-Za-z0-9_-]{23,}$/.test(text),
  },
  {
    mask: "ipcrypt-deterministic",
    type: "ip",
    value: address,
    showsVersion: false,
    isToken: (text) => isIP(text) !== 0,
  },
  { mask: "ipcrypt-pfx", type: "ip", value: address, showsVersion: false, isToken: (text) => isIP(text) !== 0 },
  {
    mask: "fpe-ff1",
    type: "text",
    value: sixteenDigits,
    fields: { digits: 16 },
    showsVersion: false,
    isToken: (text) => /^\d{4}(?:-\d{4}){3}$/.test(text),
  },
];

describe.each(KEYED)("$mask", ({ mask, type, value, fields = {}, showsVersion, isToken }) => {
  const at = (place: Place = {}): Place => ({ mask, type, fields, ...place });

  test("the same value under the same key has the same token, of its form", () => {
    fc.assert(
      fc.property(value, (text) => {
        const one = token(text, at());
        expect(token(text, at())).toBe(one);
        expect(one).toSatisfy(isToken);
      }),
    );
  });

  test("another column, domain, root or version gives another token", () => {
    fc.assert(
      fc.property(value, (text) => {
        const tokens = [
          token(text, at()),
          token(text, at({ column: "c2" })),
          token(text, at({ domain: "d2" })),
          token(text, at({ rootFill: 2 })),
          // Two versions never have the same root, so that those which do not show theirs differ too.
          token(text, at({ version: 2, rootFill: showsVersion ? 1 : 3 })),
        ];
        expect(new Set(tokens).size).toBe(tokens.length);
      }),
    );
  });

  test("no token is its value, or holds it", () => {
    // Shorter texts may occur in a token by chance.
    fc.assert(
      fc.property(
        value.filter((text) => text.trim().length >= 6),
        (text) => {
          expect(token(text, at())).not.toContain(text.trim());
        },
      ),
    );
  });
});

test("two values that differ in their one form have different tokens", () => {
  const pair = fc.oneof(
    fc.tuple(fc.ipV4(), fc.ipV4()),
    fc.ipV4().map((ip) => [ip, ip] as const),
  );
  fc.assert(
    fc.property(pair, ([one, other]) => {
      for (const mask of ["hmac-sha256", "aes-siv", "ipcrypt-deterministic", "ipcrypt-pfx"] as const) {
        const place: Place = { mask, type: "ip" };
        expect(token(one, place) === token(other, place)).toBe(one === other);
      }
    }),
  );
});

describe("no part of a value is left over", () => {
  // Seeded: four characters of one text occur in another by chance, in one of some thousand pairs. Those of two texts in
  // hex do so often, eight hardly ever.
  test.each<[MaskName, number]>([
    ["hmac-sha256", 4],
    ["hmac-over-sha256", 4],
    ["aes-siv", 4],
    ["redact", 4],
    ["sha256", 8],
  ])("by %s: not %i characters of it", (mask, chars) => {
    const text = fc.oneof(fc.emailAddress({ size: "small" }), fc.uuid(), fc.ipV4(), fc.string({ minLength: 8 }));
    fc.assert(
      fc.property(
        text.filter((value) => value.trim() !== ""),
        (value) => {
          const result = token(value, { mask });
          for (let at = 0; at + chars <= value.length; at += 1) {
            expect(result).not.toContain(value.slice(at, at + chars));
          }
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });

  /** The share of places at which two texts have the same, over many seeded values. */
  function sharedShare(pairs: readonly (readonly [readonly string[], readonly string[]])[]): number {
    const places = pairs.flatMap(([before, after]) => before.map((part, index) => part === after[index]));
    return places.filter(Boolean).length / places.length;
  }

  test("by fpe-ff1: a digit stays what it is as often as by chance", () => {
    const place: Place = { mask: "fpe-ff1", fields: { digits: 16 } };
    const pairs = fc
      .sample(sixteenDigits, { seed: 1, numRuns: 500 })
      .map((value) => [[...value.replaceAll("-", "")], [...token(value, place).replaceAll("-", "")]] as const);
    // One in ten of 8,000 digits: five standard deviations are 0.017.
    expect(Math.abs(sharedShare(pairs) - 0.1)).toBeLessThan(0.017);
  });

  test("by ipcrypt-pfx: a part of an address stays what it is as often as by chance", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const addresses = fc.sample(fc.tuple(octet, octet, octet, octet), { seed: 1, numRuns: 1_000 });
    const pairs = addresses.map((octets) => {
      const ip = octets.join(".");
      return [ip.split("."), token(ip, { mask: "ipcrypt-pfx", type: "ip" }).split(".")] as const;
    });
    // One in 256 of 4,000 octets: five standard deviations are 0.005.
    expect(sharedShare(pairs)).toBeLessThan(0.009);
  });

  test("by ipcrypt-deterministic: a group of an address stays what it is as often as by chance", () => {
    const group = fc.integer({ min: 0x1000, max: 0xffff }).map((value) => value.toString(16));
    const addresses = fc.sample(fc.array(group, { minLength: 8, maxLength: 8 }), { seed: 1, numRuns: 500 });
    const pairs = addresses.map(
      (groups) => [groups, token(groups.join(":"), { mask: "ipcrypt-deterministic", type: "ip" }).split(":")] as const,
    );
    expect(sharedShare(pairs)).toBeLessThan(0.002);
  });

  test("by generalize: all values with the same coarse part give the same", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(octet, octet, octet, octet, octet, (a, b, c, one, other) => {
        const place: Place = { mask: "generalize", type: "ip" };
        expect(token(`${a}.${b}.${c}.${one}`, place)).toBe(token(`::ffff:${a}.${b}.${c}.${other}`, place));
      }),
    );
    const time = fc.date({
      min: new Date("0001-01-01T00:00:00Z"),
      max: new Date("9999-12-31T00:00:00Z"),
      noInvalidDate: true,
    });
    const clock = fc.integer({ min: 0, max: 86_399_999 });
    fc.assert(
      fc.property(time, clock, clock, (day, one, other) => {
        const at = (ms: number): string => {
          const midnight = new Date(day);
          midnight.setUTCHours(0, 0, 0, ms);
          return `${midnight.toISOString().slice(0, -1)}000Z`;
        };
        const generalized = (precision: "hour" | "day", ms: number): string =>
          token(at(ms), { mask: "generalize", type: "timestamp", fields: { precision } });
        expect(generalized("day", one)).toBe(generalized("day", other));
        const hour = Math.floor(one / 3_600_000) * 3_600_000;
        expect(generalized("hour", one)).toBe(generalized("hour", hour + (other % 3_600_000)));
        expect(generalized("hour", one)).toBe(at(hour).replace(/\.\d+Z$/, ".000000Z"));
      }),
    );
  });

  test("by redact and drop: all values give the same", () => {
    fc.assert(
      fc.property(visible, visible, (one, other) => {
        expect(masked(one, { mask: "redact" })).toBe(masked(other, { mask: "redact" }));
        expect(masked(one, { mask: "drop" })).toBeNull();
      }),
    );
  });
});
