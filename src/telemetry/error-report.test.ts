import { describe, expect, it } from "vitest";
import { PiipeError } from "../errors.ts";
import { reportOf } from "./error-report.ts";

describe("reportOf", () => {
  it("shows code, message and hint of an error that is made to be shown", () => {
    const error = new PiipeError("queue.denied", "denied", { hint: "grant it", cause: new Error("canary") });
    expect(reportOf(error)).toEqual({ code: "queue.denied", message: "denied", hint: "grant it" });
  });

  it.each(["canary", "line one\n    at canary (/file:1:1)", "canary\n    at canary"])(
    "shows no message of any other error, only where it arose",
    (message) => {
      const { code, message: shown, hint } = reportOf(new TypeError(message));
      expect(code).toBe("bug");
      expect(shown).toContain("TypeError");
      expect(hint).toContain("error-report.test.ts");
      expect(`${shown}${hint}`).not.toContain("canary");
    },
  );

  it("takes anything that was thrown", () => {
    expect(reportOf("canary").hint).not.toContain("canary");
    expect(reportOf(undefined).code).toBe("bug");
  });
});
