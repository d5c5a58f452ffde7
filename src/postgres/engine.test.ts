import { expect, it } from "vitest";
import { type EngineKind, engineOf } from "./engine.ts";

const POSTGRESQL = { version: "PostgreSQL 16.4 on x86_64-pc-linux-gnu", of_alloydb: null, of_citus: "f", of_dsql: "f" };

it.each<[EngineKind, Partial<Record<keyof typeof POSTGRESQL, string>>]>([
  ["postgresql", {}],
  ["citus", { of_citus: "t" }],
  ["dsql", { version: "PostgreSQL 16", of_dsql: "t" }],
  ["cockroachdb", { version: "CockroachDB CCL v25.3.1 (x86_64-pc-linux-gnu, built 2025/08/29)" }],
  ["yugabytedb", { version: "PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64-pc-linux-gnu" }],
  ["alloydb", { of_alloydb: "off" }],
])("recognises %s", (kind, row) => {
  expect(engineOf({ ...POSTGRESQL, ...row })).toBe(kind);
});
