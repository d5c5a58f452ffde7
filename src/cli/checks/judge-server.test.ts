import { describe, expect, it } from "vitest";
import type { ServerFacts } from "../../postgres/inspect-server.ts";
import { judgeConnections, judgeEncoding, judgeTls, judgeVersion, judgeWritable } from "./judge-server.ts";

const SERVER: ServerFacts = {
  version: "18.0",
  majorVersion: 18,
  engine: "postgresql",
  encoding: "UTF8",
  isStandby: false,
  isReadOnly: false,
  connectionsLeft: 10,
  address: "db.example:5432",
  tls: "TLSv1.3",
  pooler: null,
  clockOffsetMs: 0,
};
const REMOTE = { address: "db.example:5432", database: "events", user: "piipe" };
const at = (address: string) => ({ ...REMOTE, address });

it.each([
  [9, "warning"],
  [10, "ok"],
  [18, "ok"],
  [19, "warning"],
])("version %d: %s", (majorVersion, level) => {
  expect(judgeVersion({ ...SERVER, majorVersion }, REMOTE).level).toBe(level);
});

it("names the product, and says what is known of piipe on it", () => {
  expect(judgeVersion(SERVER, REMOTE).text).toBe("PostgreSQL 18.0 at db.example:5432: supported");
  const of = (engine: ServerFacts["engine"]) => judgeVersion({ ...SERVER, engine }, REMOTE);
  expect(of("citus")).toMatchObject({
    level: "warning",
    text: expect.stringMatching(/^Citus .*not every command/) as string,
  });
  expect(of("dsql")).toMatchObject({
    level: "warning",
    text: expect.stringMatching(/^Aurora DSQL .*stand-in/) as string,
  });
  for (const engine of ["cockroachdb", "yugabytedb", "alloydb"] as const) {
    expect(of(engine)).toMatchObject({ level: "warning", text: expect.stringContaining("never run") as string });
  }
});

it("warns of a database that cannot hold every text", () => {
  expect(judgeEncoding(SERVER)).toEqual([]);
  expect(judgeEncoding({ ...SERVER, encoding: "LATIN1" })).toMatchObject([
    { level: "warning", text: expect.stringContaining("LATIN1, which lacks most") as string },
  ]);
  expect(judgeEncoding({ ...SERVER, encoding: "SQL_ASCII" })).toMatchObject([{ level: "warning" }]);
});

it("fails on a standby and where transactions are read-only", () => {
  expect(judgeWritable(SERVER, REMOTE)).toEqual([]);
  const standby = judgeWritable({ ...SERVER, isStandby: true, isReadOnly: true }, REMOTE);
  expect(standby).toMatchObject([
    { level: "error", code: "database.unavailable", hint: expect.stringContaining("primary") },
  ]);
  expect(judgeWritable({ ...SERVER, isReadOnly: true }, REMOTE)).toMatchObject([
    { level: "error", code: "database.unavailable", hint: expect.stringContaining("default_transaction_read_only") },
  ]);
});

it.each([
  [4, "ok", "has room for 4"],
  [3, "warning", "only 3 more"],
  [-2, "warning", "only 0 more"],
  [null, "ok", "the server does not tell"],
])("room for %j of 4 connections: %s", (connectionsLeft, level, text) => {
  expect(judgeConnections({ ...SERVER, connectionsLeft }, { maxConnections: 4 }, null)).toMatchObject({
    level,
    text: expect.stringContaining(text),
  });
});

it.each([
  [20, "ok", "the plan's workers open up to 20, and"],
  [19, "warning", "only 19 more"],
])("room for %j of a plan's 20 connections: %s", (connectionsLeft, level, text) => {
  const server = { ...SERVER, connectionsLeft };
  expect(judgeConnections(server, { maxConnections: 4 }, { connections: 20 })).toMatchObject({
    level,
    text: expect.stringContaining(text),
  });
});

it("leaves the room behind a pooler to the pooler", () => {
  const pooled = { ...SERVER, connectionsLeft: null, pooler: { isEncrypted: true, isLocal: true } };
  expect(judgeConnections(pooled, { maxConnections: 4 }, null).text).toContain("through a connection pooler");
});

describe("the way to the database", () => {
  const far = (isEncrypted: boolean, isLocal: boolean) => ({ ...SERVER, pooler: { isEncrypted, isLocal } });

  it.each([
    ["encrypted", SERVER, REMOTE, "ok", "is encrypted (TLSv1.3)"],
    ["open to a remote server", { ...SERVER, tls: null }, REMOTE, "warning", "not encrypted"],
    ["open to this machine", { ...SERVER, tls: null }, at("127.0.0.1:5432"), "ok", "stays on this machine"],
    ["through a socket", { ...SERVER, tls: null }, at("/var/run/postgresql:5432"), "ok", "stays on this machine"],
    ["open to IPv6's own", { ...SERVER, tls: null }, at("::1:5432"), "ok", "stays on this machine"],
    ["through a pooler, all encrypted", far(true, false), REMOTE, "ok", "to the server is encrypted"],
    ["through a pooler beside the server", far(false, true), REMOTE, "ok", "stays on its machine"],
    ["through a pooler and open behind it", far(false, false), REMOTE, "warning", "own to the server is not"],
    ["open to a remote pooler", { ...far(true, false), tls: null }, REMOTE, "warning", "not encrypted"],
  ] as const)("%s", (_, facts, place, level, text) => {
    expect(judgeTls(facts, place)).toMatchObject({ level, text: expect.stringContaining(text) });
  });
});
