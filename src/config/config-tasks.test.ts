import { expect, test } from "vitest";
import { parse } from "yaml";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { compileDecoder } from "../decode/compile-decoder.ts";
import { CONFIG_TASKS } from "./config-tasks.ts";
import { parseConfig } from "./load-config.ts";

const BASE = {
  source: { sqs: { queue: "orders" } },
  sink: { postgres: { url: "postgres://localhost/db", table: "orders" } },
};

test.each(CONFIG_TASKS)("$want", ({ event, yaml, isTop }) => {
  const written = parse(yaml) as Readonly<Record<string, unknown>>;
  const columns = isTop === true ? { id: { type: "integer", nullable: true } } : written;
  const config = parseConfig({ ...BASE, columns, ...(isTop === true ? written : {}) }, { baseFolder: "/" });
  // Without the wrappings, which have tests of their own.
  const { columns: declared, unknownFields, dedupeBy } = config;
  const decode = compileDecoder(declared, new Map(), { unknownFields, dedupeBy });
  const body = `{${event}}`;
  const decoded = decode(testDelivery(body));
  expect(decoded).toMatchObject({ ok: true });
});
