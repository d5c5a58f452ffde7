import { describe, expect, it } from "vitest";
import { parseListenAddress } from "./listen-address.ts";

describe("parseListenAddress", () => {
  it.each([
    ["127.0.0.1:9464", { host: "127.0.0.1", port: 9464 }],
    ["0.0.0.0:80", { host: "0.0.0.0", port: 80 }],
    ["metrics.example:65535", { host: "metrics.example", port: 65_535 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["[::1]:9464", { host: "::1", port: 9464 }],
    ["[::ffff:127.0.0.1]:1", { host: "::ffff:127.0.0.1", port: 1 }],
  ])("reads %s", (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each([
    "",
    "9464",
    ":9464",
    "localhost",
    "localhost:",
    "::1:9464",
    "localhost:65536",
    "a b:1",
    "http://a:1",
    "a:-1",
  ])("refuses “%s”", (text) => {
    expect(() => parseListenAddress(text)).toThrow("Give host:port");
  });
});
