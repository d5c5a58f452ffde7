import fc from "fast-check";
import sodium from "libsodium-wrappers";
import { beforeAll, describe, expect, test } from "vitest";
import { testColumn } from "../../../tests/support/test-column.ts";
import { normalizeIp } from "../normalize/normalize-ip.ts";
import { ipBlock } from "./ip-block.ts";
import { ipcryptPfxOperator } from "./ipcrypt-pfx.ts";
import type { KeyUse } from "./operator.ts";

beforeAll(async () => {
  await sodium.ready;
});

const column = testColumn({ name: "masked_ip", type: "ip", mask: "ipcrypt-pfx" });
const useOf = (key: Uint8Array): KeyUse => ({ key, version: 3, column });

function revealOf(key: Uint8Array): (token: string) => string | null {
  const { reveal } = ipcryptPfxOperator;
  if (reveal === null) throw new Error("ipcrypt-pfx is not reversible");
  return reveal(useOf(key));
}

const BASIC_KEY = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";
const PREFIX_KEY = "2b7e151628aed2a6abf7158809cf4f3ca9f5ba40db214c3798f2e1c23456789a";

// The appendix "Test Vectors" of draft-denis-ipcrypt-11.
test.each([
  [BASIC_KEY, "0.0.0.0", "151.82.155.134"],
  [BASIC_KEY, "255.255.255.255", "94.185.169.89"],
  [BASIC_KEY, "192.0.2.1", "100.115.72.131"],
  [BASIC_KEY, "2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"],
  // Addresses of one IPv4 /24, one IPv4 /16, one IPv6 /64 and one IPv6 /32.
  [PREFIX_KEY, "10.0.0.47", "19.214.210.244"],
  [PREFIX_KEY, "10.0.0.129", "19.214.210.80"],
  [PREFIX_KEY, "10.0.0.234", "19.214.210.30"],
  [PREFIX_KEY, "172.16.5.193", "210.78.229.136"],
  [PREFIX_KEY, "172.16.97.42", "210.78.179.241"],
  [PREFIX_KEY, "172.16.248.177", "210.78.121.215"],
  [PREFIX_KEY, "2001:db8::a5c9:4e2f:bb91:5a7d", "7cec:702c:1243:f70:1956:125:b9bd:1aba"],
  [PREFIX_KEY, "2001:db8::7234:d8f1:3c6e:9a52", "7cec:702c:1243:f70:a3ef:c8e:95c1:cd0d"],
  [PREFIX_KEY, "2001:db8::f1e0:937b:26d4:8c1a", "7cec:702c:1243:f70:443c:c8e:6a62:b64d"],
  [PREFIX_KEY, "2001:db8:3a5c:0:e7d1:4b9f:2c8a:f673", "7cec:702c:3503:bef:e616:96bd:be33:a9b9"],
  [PREFIX_KEY, "2001:db8:9f27:0:b4e2:7a3d:5f91:c8e6", "7cec:702c:a504:b74e:194a:3d90:b047:2d1a"],
  [PREFIX_KEY, "2001:db8:d8b4:0:193c:a5e7:8b2f:46d1", "7cec:702c:f840:aa67:1b8:e84f:ac9d:77fb"],
])("draft-denis-ipcrypt: key %s, %s is %s", (keyHex, ip, encrypted) => {
  const key = Buffer.from(keyHex, "hex");
  expect(ipcryptPfxOperator.create(useOf(key))(ip)).toBe(encrypted);
  expect(revealOf(key)(encrypted)).toBe(ip);
});

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => bytes.some((byte) => byte !== bytes[0]));
const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => normalizeIp(text) ?? "");

describe("ipcrypt-pfx", () => {
  test("is libsodium's, and opens", () => {
    fc.assert(
      fc.property(key, fc.array(address, { minLength: 1, maxLength: 5 }), (with_, ips) => {
        const tokenize = ipcryptPfxOperator.create(useOf(with_));
        const reveal = revealOf(with_);
        for (const ip of ips) {
          const token = tokenize(ip) ?? "";
          expect(token).toBe(normalizeIp(sodium.sodium_bin2ip(sodium.crypto_ipcrypt_pfx_encrypt(ipBlock(ip), with_))));
          expect(token.includes(":")).toBe(ip.includes(":"));
          expect(reveal(token)).toBe(ip);
        }
      }),
    );
  });

  test("two addresses have as many first bits in common as before", () => {
    const commonBits = (one: string, other: string): number => {
      const bits = (ip: string): string => [...ipBlock(ip)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
      const [a, b] = [bits(one), bits(other)];
      return [...a].findIndex((bit, index) => bit !== b[index]);
    };
    const pair = fc.tuple(fc.constantFrom(fc.ipV4(), fc.ipV6()), fc.nat(127)).chain(([family, bit]) =>
      family.map((text) => {
        const one = normalizeIp(text) ?? "";
        const block = ipBlock(one);
        // IPv4 has bits 96 to 127 only.
        const at = one.includes(":") ? bit : 96 + (bit % 32);
        block.writeUInt8(block.readUInt8(at >> 3) ^ (1 << (7 - (at & 7))), at >> 3);
        return [one, normalizeIp(sodium.sodium_bin2ip(block)) ?? ""] as const;
      }),
    );
    fc.assert(
      fc.property(key, pair, (with_, [one, other]) => {
        fc.pre(one.includes(":") === other.includes(":"));
        const tokenize = ipcryptPfxOperator.create(useOf(with_));
        expect(commonBits(tokenize(one) ?? "", tokenize(other) ?? "")).toBe(commonBits(one, other));
      }),
    );
  });

  test("opens the spellings that PostgreSQL gives, and nothing else", () => {
    const reveal = revealOf(Buffer.from(BASIC_KEY, "hex"));
    expect(reveal("C180:5DD4:2587:3524:30AB:FA65:6AB6:0F88")).toBe("2001:db8::1");
    for (const other of ["", "1.2.3.4/24", "100.115.72", "fe80::1%eth0"]) expect(reveal(other)).toBeNull();
  });

  test("refuses a key whose halves are equal", () => {
    const half = "2b7e151628aed2a6abf7158809cf4f3c";
    const equal = useOf(Buffer.from(half + half, "hex"));
    const refusal = expect.objectContaining({
      name: "PiipeError",
      code: "keys.invalid",
      message: expect.stringMatching(/two halves of column masked_ip's ipcrypt-pfx key are equal under key version 3/),
    });
    expect(() => ipcryptPfxOperator.create(equal)).toThrow(refusal);
    expect(() => ipcryptPfxOperator.reveal?.(equal)).toThrow(refusal);
  });
});
