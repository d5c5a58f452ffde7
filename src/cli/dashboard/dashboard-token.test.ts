import { describe, expect, it } from "vitest";
import { dashboardToken } from "./dashboard-token.ts";

const LOOPBACK = { isLoopback: true, address: "127.0.0.1" };
const OUTSIDE = { isLoopback: false, address: "0.0.0.0" };
const GOOD = "0123456789abcdef";

describe("dashboardToken", () => {
  it("needs none on loopback as long as nothing can be changed", () => {
    expect(dashboardToken({}, LOOPBACK, false)).toBeNull();
    expect(dashboardToken({ PIIPE_DASHBOARD_TOKEN: "" }, LOOPBACK, false)).toBeNull();
  });

  it("takes the one that is set, wherever it listens", () => {
    for (const place of [LOOPBACK, OUTSIDE]) {
      expect(dashboardToken({ PIIPE_DASHBOARD_TOKEN: GOOD }, place, true)).toEqual({ value: GOOD, isNew: false });
    }
  });

  it("makes one where something can be changed, another each time", () => {
    const [one, other] = [dashboardToken({}, LOOPBACK, true), dashboardToken({}, LOOPBACK, true)];
    expect(one).toMatchObject({ isNew: true, value: expect.stringMatching(/^[\w-]{32}$/) });
    expect(other?.value).not.toBe(one?.value);
  });

  it("refuses an address that others reach without one, whatever is allowed", () => {
    for (const allowsActions of [true, false]) {
      expect(() => dashboardToken({}, OUTSIDE, allowsActions)).toThrow("0.0.0.0 can be reached from outside");
    }
  });

  it.each([GOOD.slice(1), `${GOOD} x`, `${GOOD}ä`, `${GOOD}\n`])(
    "refuses one that will not do, without a word of it",
    (value) => {
      const refused = (): unknown => dashboardToken({ PIIPE_DASHBOARD_TOKEN: value }, LOOPBACK, false);
      expect(refused).toThrow(expect.objectContaining({ code: "usage.invalid" }));
      expect(refused).not.toThrow(value.trim());
    },
  );
});
