import { expect, it } from "vitest";
import { collectFields, type JsonObject } from "./collect-fields.ts";
import { inferColumns } from "./infer-columns.ts";
import { shareKeys } from "./share-keys.ts";

const keysOf = (events: readonly JsonObject[]) => {
  const collected = collectFields(events);
  const { columns } = inferColumns(collected, null);
  return shareKeys(columns, collected.fields).map(({ name, key, masks }) => [
    name,
    key,
    masks?.map((inner) => inner.key),
  ]);
};

it("gives what is masked one key where the values are the same, named as the shortest of them", () => {
  const people = ["ann", "ben", "cleo"].map((name) => `${name}@canary.example`);
  const events = people.map((email, index) => ({
    receipt_email: email,
    customer: { email: email.toUpperCase(), other_email: `${index}@canary.example` },
    items: [{ gift_to: email }, { gift_to: null }],
  }));
  expect(keysOf(events)).toEqual([
    ["receipt_email", "email", undefined],
    ["email", undefined, undefined],
    ["other_email", undefined, undefined],
    ["items", undefined, ["email"]],
  ]);
});

it("takes names of three letters for the same, and shorter values for chance", () => {
  const events = ["ann", "ben", "zoe"].map((user_name, index) => ({
    user_name,
    first_name: user_name,
    pan: `${index}`,
    cvv: `${index}`,
  }));
  expect(keysOf(events)).toEqual([
    ["user_name", undefined, undefined],
    ["first_name", "user_name", undefined],
    ["pan", undefined, undefined],
    ["cvv", undefined, undefined],
  ]);
});
