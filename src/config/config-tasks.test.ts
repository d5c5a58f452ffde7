import { expect, test } from "vitest";
import { parse } from "yaml";
import { decoderOf } from "../../tests/support/one-table.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { CONFIG_TASKS } from "./config-tasks.ts";
import { columnsOf } from "./config.ts";
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
  const { unknownFields, dedupeBy } = config;
  const decode = decoderOf(columnsOf(config), new Map(), { unknownFields, dedupeBy });
  const body = `{${event}}`;
  const decoded = decode(testDelivery(body));
  expect(decoded).toMatchObject({ ok: true });
});
