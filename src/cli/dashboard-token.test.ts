import { describe, expect, it } from "vitest";
import { dashboardToken } from "./dashboard-token.ts";

const LOOPBACK = { isLoopback: true, address: "127.0.0.1" };
const OUTSIDE = { isLoopback: false, address: "0.0.0.0" };
const ACTIONS = { allowsActions: true, canShow: true };
const NO_ACTIONS = { allowsActions: false, canShow: true };
const GOOD = "0123456789abcdef";

describe("dashboardToken", () => {
  it("needs none on loopback as long as nothing can be changed", () => {
    expect(dashboardToken({}, LOOPBACK, NO_ACTIONS)).toBeNull();
    expect(dashboardToken({ PIIPE_DASHBOARD_TOKEN: "" }, LOOPBACK, NO_ACTIONS)).toBeNull();
  });

  it("takes the one that is set, wherever it listens", () => {
    for (const place of [LOOPBACK, OUTSIDE]) {
      expect(dashboardToken({ PIIPE_DASHBOARD_TOKEN: GOOD }, place, ACTIONS)).toEqual({ value: GOOD, isNew: false });
    }
  });

  it("makes one where something can be changed, another each time", () => {
    const [one, other] = [dashboardToken({}, LOOPBACK, ACTIONS), dashboardToken({}, LOOPBACK, ACTIONS)];
    expect(one).toMatchObject({ isNew: true, value: expect.stringMatching(/^[\w-]{32}$/) });
    expect(other?.value).not.toBe(one?.value);
  });

  it("makes none where it would stand in a log, and needs none there while nothing can be changed", () => {
    expect(() => dashboardToken({}, LOOPBACK, { allowsActions: true, canShow: false })).toThrow(
      expect.objectContaining({ code: "usage.invalid", hint: expect.stringContaining("PIIPE_DASHBOARD_TOKEN") }),
    );
    expect(dashboardToken({}, LOOPBACK, { allowsActions: false, canShow: false })).toBeNull();
    const set = { PIIPE_DASHBOARD_TOKEN: GOOD };
    expect(dashboardToken(set, LOOPBACK, { allowsActions: true, canShow: false })?.isNew).toBe(false);
  });

  it("refuses an address that others reach without one, whatever is allowed", () => {
    for (const options of [ACTIONS, NO_ACTIONS]) {
      expect(() => dashboardToken({}, OUTSIDE, options)).toThrow("0.0.0.0 can be reached from outside");
    }
  });

  it.each([GOOD.slice(1), `${GOOD} x`, `${GOOD}ä`, `${GOOD}\n`])(
    "refuses one that will not do, without a word of it",
    (value) => {
      const refused = (): unknown => dashboardToken({ PIIPE_DASHBOARD_TOKEN: value }, LOOPBACK, NO_ACTIONS);
      expect(refused).toThrow(expect.objectContaining({ code: "usage.invalid" }));
      expect(refused).not.toThrow(value.trim());
    },
  );
});
