import { expect, it } from "vitest";
import { identityOf } from "./credential-origin.ts";

const KEY = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "the-secret", sessionToken: "the-token" };

it("names the origin that the chain marks, the narrower one first, and shows no secret", () => {
  const expiration = new Date("2026-01-31T12:00:00Z");
  const $source = { CREDENTIALS_PROFILE: "n", CREDENTIALS_STS_ASSUME_ROLE: "i" };
  const identity = identityOf(Object.assign({ expiration }, KEY, { $source }));
  expect(identity).toEqual({
    accessKeyEnd: "MPLE",
    origin: "a role that the profile names",
    isTemporary: true,
    isRenewed: true,
    expiresAt: expiration,
  });
  expect(JSON.stringify(identity)).not.toContain("the-");
});

it("knows that nobody renews what stands in the environment", () => {
  const $source = { CREDENTIALS_ENV_VARS: "g" };
  expect(identityOf(Object.assign({ $source }, KEY))).toMatchObject({ origin: "the environment", isRenewed: false });
});

it("leaves open what is not marked", () => {
  const { sessionToken: _, ...key } = KEY;
  expect(identityOf(key)).toMatchObject({ origin: null, isTemporary: false, expiresAt: null });
});
