import { describe, expect, test } from "vitest";
import { DETECTOR_NAMES, type DetectorName } from "../../pipeline/contracts.ts";
import { countDetections } from "./count-detections.ts";
import { detect } from "./detect.ts";
import { detectInJson, detectInText } from "./json-text.ts";

const base64url = (text: string): string => Buffer.from(text).toString("base64url");
const JWT = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url('{"sub":"42"}')}.c2lnbmF0dXJl`;

/** Synthetic values: addresses and numbers that are reserved for documentation, and the test cards of the networks. */
const HITS: ReadonlyArray<readonly [DetectorName, string]> = [
  ["email", "a@b.co"],
  ["email", "jane.doe+news@mail.example.com"],
  ["email", "Jane Doe <jane@example.org>, for a meeting"],
  ["email", "o'brien@example.ie."],
  ["email", "dörte@müller.example"],
  ["email", "user@xn--mller-kva.xn--p1ai"],
  ["email", "https://jane:secret@host.example.com/path"],
  ["email", "@@jane@example.org"],
  ["ipv4", "192.0.2.1"],
  ["ipv4", "from 203.0.113.255."],
  ["ipv4", "[198.51.100.7]:8080"],
  ["ipv4", "http://198.51.100.7/login"],
  ["ipv4", "203.0.113.0/24"],
  ["ipv4", "client=10.1.2.3;"],
  ["ipv4", "127.0.0.1, 192.0.2.44"],
  // A version of four parts cannot be told from an address.
  ["ipv4", "1.2.3.4"],
  ["ipv6", "2001:db8::1"],
  ["ipv6", "at 2001:DB8:0:0:8:800:200C:417A."],
  ["ipv6", "[2001:db8::7]:443"],
  ["ipv6", "fe80::1ff:fe23:4567:890a"],
  ["ipv6", "fd12:3456:789a:1::1"],
  ["ipv6", "::ffff:c000:0201"],
  ["ipv4", "::ffff:192.0.2.1 is mapped: it holds an IPv4 address"],
  ["ipv6", "64:ff9b::c000:221"],
  ["phone", "+14155550132"],
  ["phone", "+1 (415) 555-0132"],
  ["phone", "call +49 30 23125 000, please"],
  ["phone", "tel:+1-201-555-0123"],
  ["phone", "+44.20.7946.0958"],
  ["phone", "(415) 555-0132"],
  ["phone", "1-800-555-0199"],
  ["phone", "212.555.0147"],
  ["card", "4111111111111111"],
  ["card", "4222222222222"],
  ["card", "4111 1111 1111 1111"],
  ["card", "paid with 5555-5555-5555-4444."],
  ["card", "2223003122003222"],
  ["card", "378282246310005"],
  ["card", "3782 822463 10005"],
  ["card", "6011111111111117"],
  ["card", "30569309025904"],
  ["card", "3530111333300000"],
  ["card", "card:6200000000000005"],
  ["iban", "DE89370400440532013000"],
  ["iban", "to DE89 3704 0044 0532 0130 00 until Friday"],
  ["iban", "gb82west12345698765432"],
  ["iban", "FR1420041010050500013M02606"],
  ["iban", "NO9386011117947"],
  ["iban", "MT84MALT011000012345MTLCAST001S"],
  ["us-ssn", "078-05-1120"],
  ["us-ssn", "SSN: 219-09-9999."],
  ["jwt", JWT],
  ["jwt", `Bearer ${JWT}`],
  ["jwt", `${base64url('{ "typ": "JWT", "alg": "none" }')}.${base64url("{}")}.`],
  ["mac", "00:1B:44:11:3A:B7"],
  ["mac", "00-1b-44-11-3a-b7 on port 3"],
  ["mac", "001b.4411.3ab7"],
];

const MISSES: readonly string[] = [
  "",
  "ios",
  "en-US",
  "zh-Hant-TW",
  // Versions and product tokens.
  "2.3.0",
  "10.0.19041.1",
  "0.1.2.3",
  "1.2.3.4.5",
  "v1.2.3.4",
  "1.2.3.4-beta",
  "4.14.301",
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
  "react@18.2.0",
  "@scope/package@1.2.3",
  "logo@2x.png",
  "@handle",
  "a@localhost",
  "1.3.6.1.4.1.311",
  // Addresses that are nobody's.
  "0.0.0.0",
  "127.0.0.1",
  "255.255.255.255",
  "::1",
  "999.1.1.1",
  // Identifiers.
  "0f8fad5b-d9cb-469f-a165-70867728950e",
  "12345678-1234-4234-8234-123456789012",
  "d41d8cd98f00b204e9800998ecf8427e",
  "da39a3ee5e6b4b0d3255bfef95601890afd80709",
  "arn:aws:sqs:eu-west-1:000000000000:login-queue",
  "ORD-2026-000123",
  "112-7654321-1234567",
  "order 1234567890",
  "1234567890123456",
  "4111111111111112",
  "9999999999999995",
  "1767139200000",
  "1767139200000000000",
  "h1_LhB1cQ0x3vFh9C7b8l2JgX5Q1Y4kz6n0m8s2d4f6h8k",
  "eyJhbGciOiJub25l",
  "ey.ab.cd",
  `${base64url('{"kid":"7","other":"none at all"}')}.${base64url("{}")}.x`,
  `${base64url('not JSON, but "alg" is in it')}.${base64url("{}")}.x`,
  // Times.
  "2026-01-31T23:59:59.000000Z",
  "2026-01-31T23:59:59+02:00",
  "2026-01-31 10:00:00 +1400",
  "12:34:56",
  "26-01-31-23-59-59",
  "12:34:56:07:08:09",
  "2026:01:31 10:20:30",
  // Numbers.
  "+123.456",
  "1e+10",
  "3.14159265358979",
  "0.4111111111111111",
  "37.7749, -122.4194",
  "000-12-3456",
  "666-12-3456",
  "912-34-5678",
  "123-00-4567",
  "123-45-0000",
  "415 555 0132",
  "123-456-7890",
  "4155550132",
  "DE88370400440532013000",
  "DE8937040044053201300",
  "ZZ89370400440532013000",
  "XDE89370400440532013000",
  // Code.
  "std::vector<a::b>",
  "abc::def",
  "face::b00c",
  "ff:ff:ff:ff:ff:ff",
  "01:23:45:67:89:ab:cd:ef:01:23",
];

describe("detect", () => {
  test.each(HITS)("%s in %s", (detector, text) => {
    expect(detect(text)).toBe(detector);
  });

  test.each(MISSES)("nothing in %j", (text) => {
    expect(detect(text)).toBeNull();
  });

  test("every detector is tried", () => {
    expect(new Set(HITS.map(([detector]) => detector))).toEqual(new Set(DETECTOR_NAMES));
  });

  test.each(HITS)("%s in JSON, as a value, a key and after an escape: %s", (detector, text) => {
    expect(detectInJson(JSON.stringify({ a: [1, { b: text }] }))).toBe(detector);
    expect(detectInJson(JSON.stringify({ [text]: true }))).toBe(detector);
    expect(detectInJson(JSON.stringify({ a: `"x"\n${text}\t\\` }))).toBe(detector);
  });

  test("a number in JSON", () => {
    expect(detectInJson('{"pan":4111111111111111}')).toBe("card");
  });

  const CHARS = 65_536;
  const fill = (unit: string, end = ""): string => unit.repeat(Math.ceil(CHARS / unit.length)).slice(0, CHARS) + end;
  const HOSTILE = [
    [
      "a",
      "1",
      ".",
      ":",
      "-",
      "+",
      "@",
      "(",
      " ",
      "_",
      "/",
      "\\",
      '\\"',
      "%",
      "a@",
      "a.",
      "a@b.",
      "@a.a",
      "1.",
      "1.1.1.1.",
    ],
    ["1:", "2001:", "2001:db8::g", "aa:", "aa-", "+1 ", "(1", "1-1-", "1 ", "1234 ", "4111 1111 1111 111", "DE89 "],
    ["de89a", "aa11 aaaa ", "123-45-", "eyJ.", "eyJ.a.", "ey", "ey.", "001b.", "00:1b:44:11:3a:", "415-555-"],
    ["(415) 555-", `${base64url('{"alg"')}.a.`],
  ]
    .flat()
    .flatMap((unit) => [fill(unit), fill(unit, "@"), fill(unit, "!\n")]);

  // Work that grew with the square of the length would take minutes.
  test("goes through hostile texts of 64 KiB in one go", { timeout: 30_000 }, () => {
    for (const text of HOSTILE) {
      detectInText(text);
      detectInJson(text);
    }
    expect(HOSTILE.length).toBeGreaterThan(100);
  });

  test("finds what stands at the end of a long text", () => {
    for (const [detector, text] of HITS) expect(detect(`${"lorem ipsum ".repeat(5_000)}${text}`)).toBe(detector);
  });
});

describe("countDetections", () => {
  test("counts by kind, the most frequent first", () => {
    const { values, counts } = countDetections("text", ["x", "192.0.2.1", "a@b.co", "c@d.co", ""]);
    expect(values).toBe(5);
    expect([...counts]).toEqual([
      ["email", 2],
      ["ipv4", 1],
    ]);
  });

  test("reads JSON as JSON", () => {
    expect(countDetections("json", ['"x\\n192.0.2.1"']).counts.get("ipv4")).toBe(1);
    expect(countDetections("text[]", ['{"x","192.0.2.1"}', '{"x","y"}']).counts).toEqual(new Map([["ipv4", 1]]));
    expect(countDetections("text", ['"x\\n192.0.2.1"']).counts.size).toBe(0);
  });
});
