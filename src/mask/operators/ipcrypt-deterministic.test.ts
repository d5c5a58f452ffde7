import fc from "fast-check";
import sodium from "libsodium-wrappers";
import { beforeAll, describe, expect, test } from "vitest";
import { testColumn } from "../../../tests/support/test-column.ts";
import { normalizeIp } from "../normalize/normalize-ip.ts";
import { ipBlock } from "./ip-block.ts";
import { ipcryptDeterministicOperator } from "./ipcrypt-deterministic.ts";
import type { KeyUse } from "./operator.ts";

beforeAll(async () => {
  await sodium.ready;
});

const column = testColumn({ name: "ip", type: "ip", mask: "ipcrypt-deterministic" });
const useOf = (key: Uint8Array): KeyUse => ({ key, version: 1, column });

function revealOf(key: Uint8Array): (token: string) => string | null {
  const { reveal } = ipcryptDeterministicOperator;
  if (reveal === null) throw new Error("ipcrypt-deterministic is not reversible");
  return reveal(useOf(key));
}

// The appendix "Test Vectors" of draft-denis-ipcrypt-11; the IPv6 address is of an implementation in Go.
test.each([
  ["0123456789abcdeffedcba9876543210", "0.0.0.0", "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb"],
  ["1032547698badcfeefcdab8967452301", "255.255.255.255", "aed2:92f6:ea23:58c3:48fd:8b8:74e8:45d8"],
  ["2b7e151628aed2a6abf7158809cf4f3c", "192.0.2.1", "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777"],
  ["2b7e151628aed2a6abf7158809cf4f3c", "2001:db8::1", "10ea:8047:d631:d47d:150d:53dc:6ff3:9302"],
])("draft-denis-ipcrypt: key %s, %s is %s", (keyHex, ip, encrypted) => {
  const key = Buffer.from(keyHex, "hex");
  expect(ipcryptDeterministicOperator.create(useOf(key))(ip)).toBe(encrypted);
  expect(revealOf(key)(encrypted)).toBe(ip);
});

const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => normalizeIp(text) ?? "");

describe("ipcrypt-deterministic", () => {
  test("is libsodium's, and opens", () => {
    fc.assert(
      fc.property(key, fc.array(address, { minLength: 1, maxLength: 5 }), (with_, ips) => {
        const tokenize = ipcryptDeterministicOperator.create(useOf(with_));
        const reveal = revealOf(with_);
        for (const ip of ips) {
          const token = tokenize(ip) ?? "";
          expect(token).toBe(normalizeIp(sodium.sodium_bin2ip(sodium.crypto_ipcrypt_encrypt(ipBlock(ip), with_))));
          expect(reveal(token)).toBe(ip);
        }
      }),
    );
  });

  test("writes a result that is IPv4-mapped as IPv4", () => {
    fc.assert(
      fc.property(key, fc.ipV4(), (with_, ipv4) => {
        // Decrypting an IPv4 address gives the address whose token it is.
        const ip = revealOf(with_)(ipv4) ?? "";
        expect(ipcryptDeterministicOperator.create(useOf(with_))(ip)).toBe(ipv4);
      }),
    );
  });

  test("opens the spellings that PostgreSQL gives, and nothing else", () => {
    const reveal = revealOf(Buffer.alloc(16, 7));
    expect(reveal("::FFFF:192.0.2.1")).toBe(reveal("192.0.2.1"));
    expect(reveal("::1.2.3.4")).toBe(reveal("::102:304"));
    for (const other of ["", "1.2.3.4/24", "1dbd", "fe80::1%eth0"]) expect(reveal(other)).toBeNull();
  });
});
