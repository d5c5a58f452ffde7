import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalizeIp } from "./normalize-ip.ts";

describe("normalizeIp", () => {
  test.each([
    ["199.172.111.135", "199.172.111.135"],
    ["0.0.0.0", "0.0.0.0"],
    ["::ffff:199.172.111.135", "199.172.111.135"],
    ["::FFFF:c7ac:6f87", "199.172.111.135"],
    ["0000:0000:0000:0000:0000:ffff:199.172.111.135", "199.172.111.135"],
    ["0:0::0:ffff:199.172.111.135", "199.172.111.135"],
    ["::ffff:0:0", "0.0.0.0"],
    // Not mapped: the translated form, the compatible form and NAT64.
    ["::ffff:0:1.2.3.4", "::ffff:0:102:304"],
    ["::1.2.3.4", "::102:304"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    // RFC 5952 sections 4.1 to 4.3.
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8:AAAA::", "2001:db8:aaaa::"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
  ])("%s is %s", (text, normalized) => {
    expect(normalizeIp(text)).toBe(normalized);
  });

  test.each([
    "",
    "999.1.1.1",
    "010.8.8.8",
    "127.1",
    "2130706433",
    "0x7f000001",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4/32",
    "fe80::1%eth0",
    "::ffff:1.2.3.4%1",
    "1:2:3",
    "[::1]",
    "\u0661.2.3.4",
  ])("refuses %j", (text) => {
    expect(normalizeIp(text)).toBeNull();
  });

  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/;

  test("agrees with the URL standard's serializer, but for mapped addresses", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const byUrl = new URL(`http://[${text}]/`).hostname.slice(1, -1);
        fc.pre(!mapped.test(byUrl));
        expect(normalizeIp(text)).toBe(byUrl);
      }),
      { numRuns: 2_000 },
    );
  });

  test("is idempotent", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6(),
          fc.ipV4().map((ipv4) => `::ffff:${ipv4}`),
        ),
        (text) => {
          const once = normalizeIp(text);
          expect(once).not.toBeNull();
          expect(normalizeIp(once ?? "")).toBe(once);
        },
      ),
    );
  });

  test("gives a mapped address the text of its IPv4 address", () => {
    fc.assert(
      fc.property(fc.ipV4(), (ipv4) => {
        expect(normalizeIp(`::ffff:${ipv4}`)).toBe(ipv4);
        expect(normalizeIp(new URL(`http://[::ffff:${ipv4}]/`).hostname.slice(1, -1))).toBe(ipv4);
      }),
    );
  });
});
