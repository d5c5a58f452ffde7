import { expect, it } from "vitest";
import { dialectOf } from "./dialect.ts";
import { beginStatement, pathSetting } from "./local-settings.ts";

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

it.each([
  [true, /^BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 1; .*; SET LOCAL search_path = public$/],
  [false, /^BEGIN ISOLATION LEVEL READ COMMITTED$/],
])("a transaction of a session that sends settings (%j) begins so", (sendsSettings, begins) => {
  const session = { dialect: dialectOf("postgresql"), path: "SET LOCAL search_path = public", sendsSettings };
  const timeouts = { statementTimeoutMs: 1, lockTimeoutMs: 2 };
  expect(beginStatement(session, { timeouts, writesTarget: true })).toMatch(begins);
});
