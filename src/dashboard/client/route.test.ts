import { expect, it } from "vitest";
import { linkTo, parseRoute } from "./route.ts";

it("finds back what a link leads to", () => {
  const { page, parameters } = parseRoute(linkTo("quarantine", { state: "pending", code: "field.type", other: null }));
  expect(page).toBe("quarantine");
  expect([...parameters]).toEqual([
    ["state", "pending"],
    ["code", "field.type"],
  ]);
});

it.each(["", "#", "#/", "#/nowhere", "#main"])("shows the overview for “%s”", (hash) => {
  expect(parseRoute(hash).page).toBe("overview");
});
