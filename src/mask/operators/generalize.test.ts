import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { testColumn } from "../../../tests/support/test-column.ts";
import type { Precision } from "../../pipeline/contracts.ts";
import { normalizeIp } from "../normalize/normalize-ip.ts";
import { generalizeOperator } from "./generalize.ts";

const network = generalizeOperator.create(testColumn({ name: "ip", type: "ip", mask: "generalize" }));
const cut = (precision: Precision) =>
  generalizeOperator.create(testColumn({ name: "at", type: "timestamp", mask: "generalize", precision }));

describe("an address", () => {
  test.each([
    ["199.172.111.135", "199.172.111.0/24"],
    ["0.0.0.0", "0.0.0.0/24"],
    ["255.255.255.255", "255.255.255.0/24"],
    ["2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "2001:db8:aaaa::/48"],
    ["2001:db8::1", "2001:db8::/48"],
    ["2001:0:0:1::1", "2001::/48"],
    ["::1", "::/48"],
    ["0:0:1:2:3:4:5:6", "0:0:1::/48"],
    ["64:ff9b::c000:221", "64:ff9b::/48"],
    ["fe80::1", "fe80::/48"],
  ])("%s is of %s", (ip, expected) => {
    expect(network(ip)).toBe(expected);
  });

  test("gives its network alone, whatever the rest of it is", () => {
    fc.assert(
      fc.property(fc.tuple(fc.ipV4(), fc.nat(255)), ([ipv4, last]) => {
        const [a, b, c] = ipv4.split(".");
        expect(network(ipv4)).toBe(network(`${a}.${b}.${c}.${last}`));
      }),
    );
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
    const groups = (count: number) => fc.array(group, { minLength: count, maxLength: count });
    fc.assert(
      fc.property(groups(3), groups(5), groups(5), (site, one, other) => {
        const [a = "", b = ""] = [one, other].map((rest) => normalizeIp([...site, ...rest].join(":")) ?? "");
        // An address of the site 0:0:0 may be IPv4-mapped.
        fc.pre(a.includes(":") && b.includes(":"));
        expect(network(a)).toBe(network(b));
        expect(isIP(String(network(a)).replace(/\/48$/, ""))).toBe(6);
      }),
    );
  });
});

describe("a timestamp", () => {
  test.each<[string, Precision, string]>([
    ["2026-01-31T23:59:59.999999Z", "hour", "2026-01-31T23:00:00.000000Z"],
    ["2026-01-31T23:59:59.999999Z", "day", "2026-01-31T00:00:00.000000Z"],
    ["0001-01-01T00:00:00.000000Z", "hour", "0001-01-01T00:00:00.000000Z"],
    ["9999-12-31T12:34:56.789012Z", "day", "9999-12-31T00:00:00.000000Z"],
  ])("%s to the %s is %s", (timestamp, precision, expected) => {
    expect(cut(precision)(timestamp)).toBe(expected);
  });
});

test("takes no column of another type, and no timestamp without a precision", () => {
  for (const type of ["text", "timestamp"] as const) {
    expect(() => generalizeOperator.create(testColumn({ name: "c", type, mask: "generalize" }))).toThrow(TypeError);
  }
});
