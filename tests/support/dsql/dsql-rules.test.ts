import { expect, it } from "vitest";
import { refusalOf } from "./dsql-rules.ts";

it.each([
  "DO $$ BEGIN END $$",
  "BEGIN ISOLATION LEVEL READ COMMITTED",
  "SET LOCAL statement_timeout = 30000",
  "SET LOCAL synchronous_commit = on",
  "SET TRANSACTION READ ONLY",
  "SAVEPOINT part",
  "SELECT pg_try_advisory_xact_lock(1, 2)",
  "CREATE TABLE t (day date) PARTITION BY RANGE (day)",
  "CREATE TABLE t PARTITION OF s DEFAULT",
  "CREATE TABLE t (address inet)",
  "CREATE TABLE t (details jsonb NOT NULL)",
  "CREATE TABLE t (names text[])",
  "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
  "CREATE INDEX i ON t (n)",
  "CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
  "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN END'",
  "ALTER TABLE t ADD CHECK (n > 0)",
  "ALTER ROLE r SET statement_timeout = '30s'",
  "DELETE FROM t WHERE ctid = ANY ($1::tid[])",
  "SELECT 1 FROM pg_catalog.pg_enum",
])("refuses %s", (text) => {
  expect(refusalOf(text)).toMatchObject({ sqlState: "0A000" });
});

it.each([
  "BEGIN",
  "BEGIN READ ONLY",
  "SET LOCAL search_path TO pg_catalog",
  "SET CONSTRAINTS ALL IMMEDIATE",
  "CREATE INDEX ASYNC i ON t (n)",
  "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), details json NOT NULL)",
  "CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
  "SELECT 1 FROM t FOR UPDATE SKIP LOCKED",
  "INSERT INTO t SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
])("takes %s", (text) => {
  expect(refusalOf(text)).toBeNull();
});
