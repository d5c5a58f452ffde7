import { expect, it } from "vitest";
import { judgeIdentity } from "./judge-queue.ts";

const NOW_MS = Date.UTC(2026, 0, 31, 12);
const IDENTITY = {
  accessKeyEnd: "MPLE",
  origin: "the instance's role",
  isTemporary: true,
  isRenewed: true,
  expiresAt: new Date(NOW_MS + 1),
};

it("names the access key's end, its origin and how long it is valid", () => {
  expect(judgeIdentity(IDENTITY, NOW_MS)).toMatchObject({
    level: "ok",
    text: "AWS access key …MPLE from the instance's role, valid until 2026-01-31T12:00:00.001Z",
  });
  expect(judgeIdentity({ ...IDENTITY, origin: null, expiresAt: null }, NOW_MS).text).toBe("AWS access key …MPLE");
});

it("warns of a session token that nobody renews, and not of a key that lasts", () => {
  expect(judgeIdentity({ ...IDENTITY, isRenewed: false }, NOW_MS)).toMatchObject({
    level: "warning",
    text: expect.stringContaining("a run ends when it expires"),
    hint: expect.stringContaining("role"),
  });
  expect(judgeIdentity({ ...IDENTITY, isRenewed: false, isTemporary: false }, NOW_MS).level).toBe("ok");
});

it("fails when they have expired", () => {
  expect(judgeIdentity({ ...IDENTITY, expiresAt: new Date(NOW_MS) }, NOW_MS)).toMatchObject({
    level: "error",
    code: "queue.credentials",
    hint: expect.stringContaining("aws sso login"),
  });
});
