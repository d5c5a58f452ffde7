import { describe, expect, it } from "vitest";
import { testColumn } from "../../tests/support/test-column.ts";
import { MASK_NAMES } from "../pipeline/contracts.ts";
import { duplicateColumns } from "./duplicate-columns.ts";

const SENT_AT = { from: "@sent_at", origin: { kind: "metadata", name: "sent_at" } } as const;

describe("duplicateColumns", () => {
  it("looks only where equal stored values mean equal originals", () => {
    const masked = duplicateColumns([
      testColumn({ name: "plain", type: "text" }),
      ...MASK_NAMES.map((mask) => testColumn({ name: mask, type: "text", mask })),
    ]).masked.map(({ name }) => name);
    const others = new Set(["generalize", "redact", "drop"]);
    expect(masked).toEqual(MASK_NAMES.filter((mask) => !others.has(mask)));
  });

  it("counts by user_id, masked or not, unless nothing of it is kept", () => {
    const user = testColumn({ name: "user_id", type: "text" });
    expect(duplicateColumns([user]).user).toBe(user);
    expect(duplicateColumns([{ ...user, mask: "hmac-sha256" }]).user?.name).toBe("user_id");
    expect(duplicateColumns([{ ...user, mask: "redact" }]).user).toBeNull();
    expect(duplicateColumns([{ ...user, name: "userid" }]).user).toBeNull();
  });

  it("takes the time of the message before one of the event, and no time that is hidden", () => {
    const at = testColumn({ name: "at", type: "timestamp" });
    const day = testColumn({ name: "day", type: "date" });
    const sent = testColumn({ name: "sent", type: "date", ...SENT_AT });
    const hidden = testColumn({ name: "hidden", type: "timestamp", mask: "hmac-sha256" });
    const hour = testColumn({ name: "hour", type: "timestamp", mask: "generalize", precision: "hour" });
    const text = testColumn({ name: "text", type: "text", ...SENT_AT });
    expect(duplicateColumns([hidden, at, day, sent]).time).toBe(sent);
    expect(duplicateColumns([text, hidden, day, at]).time).toBe(day);
    expect(duplicateColumns([hidden, hour]).time).toBe(hour);
    expect(duplicateColumns([text, hidden]).time).toBeNull();
  });
});
