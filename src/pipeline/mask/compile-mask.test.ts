import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PiipeError } from "../../errors.ts";
import { Keyring } from "../../keys/keyring.ts";
import type { Column, ColumnType, ColumnValue, MaskName, RawRecord, RawValue, Rejection } from "../contracts.ts";
import { compileMask, type MaskOptions } from "./compile-mask.ts";
import { NORMALIZATION_VERSION } from "./normalize/normalize.ts";

interface Golden {
  readonly normalizationVersion: number;
  readonly root: string;
  readonly keyVersion: number;
  readonly domain: string;
  readonly mask: MaskName;
  readonly tokens: readonly {
    readonly column: string;
    readonly type: ColumnType;
    readonly value: RawValue;
    readonly token: string;
  }[];
}
const golden = JSON.parse(
  readFileSync(new URL("../../../tests/golden/tokens-v1.json", import.meta.url), "utf8"),
) as Golden;

function keyringWith(state: string): Keyring {
  const version = { version: golden.keyVersion, state, created: "2026-01-31T12:00:00Z", root: golden.root };
  return Keyring.parse(JSON.stringify({ piipe: "keyring", format: 1, versions: [version] }), "keyring");
}
const options: MaskOptions = { keyring: keyringWith("primary"), domain: golden.domain };

const column = (name: string, type: ColumnType, mask: MaskName | null, nullable = false): Column => ({
  name,
  origin: { kind: "field", path: [name] },
  from: name,
  type,
  nullable,
  mask,
});
const record = (...values: readonly RawValue[]): RawRecord => ({
  id: "message-1",
  sentAtMs: 1_000,
  values,
  hasUnknownFields: false,
});

/** The stored value of one column, or why it is refused. */
function maskOne(one: Column, value: RawValue, with_: MaskOptions = options): ColumnValue | Rejection | undefined {
  const result = compileMask([one], with_)(record(value));
  return result.ok ? result.value.values[0] : result.error;
}

describe("the golden tokens", () => {
  test.each(golden.tokens)("$type $column", ({ column: name, type, value, token }) => {
    expect(maskOne(column(name, type, golden.mask), value)).toBe(token);
  });

  test("are of this normalisation version", () => {
    expect(golden.normalizationVersion).toBe(NORMALIZATION_VERSION);
  });
});

describe("compileMask", () => {
  test("masks the columns with a mask and leaves the others as they are, in order", () => {
    const mask = compileMask(
      [
        column("id", "text", null),
        column("ip", "ip", "sha256"),
        column("n", "integer", null),
        column("z", "text", null, true),
      ],
      options,
    );
    expect(mask(record(" As It Is ", "199.172.111.135", 5, null))).toEqual({
      ok: true,
      value: {
        id: "message-1",
        sentAtMs: 1_000,
        values: [" As It Is ", "a6d0e2f27f6111e10b06790db42f34123e724aa0fd24b280f4a0ef5ee986784c", 5, null],
      },
    });
  });

  test("sha256 normalises nothing", () => {
    const device = column("device_id", "text", "sha256");
    expect(maskOne(device, "001B44113AB7")).not.toBe(maskOne(device, "001b44113ab7"));
    expect(maskOne(device, " a")).not.toBe(maskOne(device, "a"));
  });

  test.each<[MaskName, RawValue]>([
    ["hmac-sha256", null],
    ["hmac-sha256", ""],
    ["hmac-sha256", " \t"],
    ["sha256", null],
    ["sha256", ""],
  ])("%s never makes a token of %j", (mask, value) => {
    expect(maskOne(column("device_id", "text", mask, true), value)).toBeNull();
    expect(maskOne(column("device_id", "text", mask, false), value)).toEqual({ code: "field.null", path: "device_id" });
  });

  test("takes an empty address for none", () => {
    expect(maskOne(column("ip", "ip", "hmac-sha256", true), "")).toBeNull();
  });

  test.each([" ", "999.1.1.1", "010.8.8.8", "fe80::1%eth0"])(
    "refuses the address %j instead of masking it",
    (value) => {
      expect(maskOne(column("ip", "ip", "hmac-sha256", true), value)).toEqual({ code: "field.format", path: "ip" });
    },
  );

  test("masks false and zero, which are values", () => {
    expect(maskOne(column("b", "boolean", "hmac-sha256"), false)).toMatch(/^h7_/);
    expect(maskOne(column("n", "integer", "hmac-sha256"), 0)).toMatch(/^h7_/);
  });

  test.each<[string, Keyring | null]>([
    ["no keyring", null],
    ["a keyring without a primary version", keyringWith("pending")],
    ["a keyring with a retired version only", keyringWith("lookup")],
  ])("with %s a keyed mask does not compile, and an unkeyed one does", (_name, keyring) => {
    let thrown: unknown;
    try {
      compileMask([column("ip", "ip", "hmac-sha256")], { keyring, domain: "logins" });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PiipeError);
    expect(thrown).toMatchObject({ code: "keys.missing", message: expect.stringContaining("column ip") });
    expect(() => compileMask([column("ip", "ip", "sha256")], { keyring, domain: "logins" })).not.toThrow();
  });

  test("takes no record of other columns", () => {
    const mask = compileMask([column("ip", "ip", "sha256")], options);
    expect(() => mask(record("1.2.3.4", "raw"))).toThrow(TypeError);
    expect(() => mask(record())).toThrow(TypeError);
  });
});
