import { expect, it } from "vitest";
import { pathSetting } from "./local-settings.ts";

it.each([
  ['"$user", public', null],
  ["", null],
  ['""', null],
  ["my_pg_catalog, public", null],
  ['oracle, "$user", public, pg_catalog', 'SET LOCAL search_path = oracle, "$user", public'],
  ["pg_catalog, public", "SET LOCAL search_path = public"],
  ['"a, ""b", "pg_catalog"', 'SET LOCAL search_path = "a, ""b"'],
  ["pg_catalog", "SET LOCAL search_path = ''"],
])("a search path of %s has pg_catalog first by %s", (path, setting) => {
  expect(pathSetting(path)).toBe(setting);
});
