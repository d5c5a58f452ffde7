import { expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { fileDigests } from "./file-digests.ts";

const DIGEST = "ab".repeat(32);
const digests = (versions: Parameters<typeof keyringOf>[0] | null, domain = "orders") =>
  fileDigests(DIGEST, versions && keyringOf(versions), domain);

test("a file that was noted before a rotation is known after it, and the other way round", () => {
  const before = digests({ 1: "primary" });
  const after = digests({ 1: "lookup", 2: "primary" });
  expect(after.noted).toHaveLength(2);
  expect(after.known).toEqual(expect.arrayContaining([...before.noted]));
  expect(before.known.filter((known) => after.noted.includes(known))).toHaveLength(1);
});

test("no digest that is noted tells the file to whoever has no key, nor that two pipelines' files are one", () => {
  const { noted } = digests({ 1: "primary" });
  expect(noted).not.toContain(DIGEST);
  expect(digests({ 1: "primary" }, "logins").noted).not.toEqual(noted);
});

test("a file from before there was a keyring is known", () => {
  expect(digests(null).noted).toEqual([DIGEST]);
  expect(digests({ 1: "primary" }).known).toContain(DIGEST);
});
