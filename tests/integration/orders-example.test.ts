import { readFile } from "node:fs/promises";
import { expect, it, onTestFinished } from "vitest";
import { runCli } from "../support/cli.ts";
import { createTestDatabase, query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { createTestPipeline } from "../support/test-pipeline.ts";

const sqs = testSqs();
const read = (name: string): Promise<string> =>
  readFile(new URL(`../../examples/orders/${name}`, import.meta.url), "utf8");

it("the example of orders does what its README says", async () => {
  const database = await createTestDatabase("migrated");
  await query(database.url, await read("orders.sql"));
  const text = await read("piipe.yaml");
  const config = text.slice(text.indexOf("\ntables:"));
  const pipeline = await createTestPipeline(sqs, { database, config, migrates: true });
  onTestFinished(() => pipeline.remove());
  const events = (await read("events.ndjson")).trim().split("\n");
  const masked = await runCli(["mask"], { ...pipeline, stdin: events.join("\n") });
  expect(masked.stdout.match(/^\{"order_items":/gm)).toHaveLength(4);

  await sqs.send(pipeline.queue.url, events);
  const ran = await runCli(["run", "--until-empty", "--json"], pipeline);
  expect(JSON.parse(ran.stdout)).toMatchObject({ stored: 3, quarantined: 1, deleted: 4 });
  expect(await pipeline.quarantined()).toEqual([
    { reason: "database.constraint", path: "quantity (constraint order_items_quantity_check)" },
  ]);
  const gifts = await query(
    database.url,
    `SELECT i.sku, i.position, o.total, o.channel, buyer.channel AS of_buyer
     FROM orders o JOIN order_items i USING (order_id) LEFT JOIN orders buyer ON buyer.email = i.gift_to
     ORDER BY o.placed_at, i.position`,
  );
  expect(gifts).toEqual([
    { sku: "mug-blue", position: 0, total: "59.90", channel: "web", of_buyer: null },
    { sku: "tea-earl-grey", position: 1, total: "59.90", channel: "web", of_buyer: "app" },
    { sku: "mug-blue", position: 0, total: "12.50", channel: "app", of_buyer: null },
  ]);
  expect(await query(database.url, "SELECT shop, action FROM shop_logins")).toEqual([
    { shop: "berlin-1", action: "shop.login" },
  ]);
});
