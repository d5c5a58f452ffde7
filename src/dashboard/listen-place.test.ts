import { describe, expect, it } from "vitest";
import { resolveListenPlace } from "./listen-place.ts";

describe("resolveListenPlace", () => {
  it.each([
    ["127.0.0.1", true, ["127.0.0.1"]],
    ["127.9.9.9", true, ["127.9.9.9"]],
    ["::1", true, ["[::1]"]],
    ["0.0.0.0", false, ["0.0.0.0"]],
    ["::", false, ["[::]"]],
    ["::ffff:127.0.0.1", true, ["[::ffff:7f00:1]"]],
    ["192.0.2.7", false, ["192.0.2.7"]],
    ["128.0.0.1", false, ["128.0.0.1"]],
  ])("judges %s by its address", async (host, isLoopback, names) => {
    expect(await resolveListenPlace({ host, port: 4780 })).toEqual({ address: host, port: 4780, isLoopback, names });
  });

  it("judges a name by the address that it leads to", async () => {
    const place = await resolveListenPlace({ host: "LOCALHOST", port: 0 });
    expect(place).toMatchObject({ isLoopback: true, port: 0, names: expect.arrayContaining(["localhost"]) });
    expect(["127.0.0.1", "::1"]).toContain(place.address);
  });

  it("refuses a name that leads nowhere", async () => {
    await expect(resolveListenPlace({ host: "nowhere.invalid", port: 4780 })).rejects.toMatchObject({
      code: "dashboard.address",
    });
  });
});
