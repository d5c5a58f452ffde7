import { createTestDatabase, query } from "./postgres.ts";
import type { TestSqs } from "./sqs.ts";
import { createTestPipeline, type TestPipeline } from "./test-pipeline.ts";

/** A pipeline of orders into one table, and of their items into another. */
export interface OrderPipeline extends TestPipeline {
  /** As one look at the database finds it. */
  readonly count: () => Promise<OrderCounts>;
}

export interface OrderCounts {
  readonly orders: number;
  readonly items: number;
  /** Orders with another number of items than they were sent with, in another order or twice; and items without an order. */
  readonly torn: number;
}

const TABLES = `
CREATE TABLE orders (order_id integer PRIMARY KEY, email text NOT NULL, item_count integer NOT NULL);
CREATE TABLE order_items (
  order_id integer NOT NULL REFERENCES orders,
  position integer NOT NULL,
  sku text NOT NULL,
  PRIMARY KEY (order_id, position)
)`;

const CONFIG = `
tables:
  order_items:
    when: { type: order }
    each: items
    columns:
      order_id: { from: ^.order_id, type: integer }
      position: { from: "@index", type: integer }
      sku: { type: text }
  orders:
    when: { type: order }
    columns:
      order_id: { type: integer }
      email: { type: text, mask: hmac-sha256 }
      item_count: { type: integer }
`;

const COUNT = `
WITH item AS (
  SELECT order_id, count(*) AS items, bool_and(sku = 'sku ' || order_id || '-' || position) AS is_own
  FROM order_items GROUP BY order_id
)
SELECT count(o.order_id)::integer AS orders, coalesce(sum(i.items), 0)::integer AS items,
  (count(*) FILTER (WHERE o.order_id IS NULL OR coalesce(i.items, 0) <> o.item_count OR NOT i.is_own))::integer AS torn
FROM orders o FULL JOIN item i ON i.order_id = o.order_id`;

/** @param settings more of the configuration */
export async function createOrderPipeline(
  sqs: TestSqs,
  queueAttributes: Readonly<Record<string, string>> = {},
  settings = "",
): Promise<OrderPipeline> {
  const database = await createTestDatabase("migrated");
  await query(database.url, TABLES);
  const config = `${settings}${CONFIG}`;
  const pipeline = await createTestPipeline(sqs, { database, config, queueAttributes, migrates: true });
  return {
    ...pipeline,
    async count() {
      const [counts] = await query<OrderCounts & Record<string, unknown>>(database.url, COUNT);
      if (counts === undefined) throw new Error("nothing was counted");
      const { orders, items, torn } = counts;
      return { orders, items, torn };
    },
  };
}

/** Every seventh order has no item; each body is a number of its own. */
export const orderEvents = (first: number, amount: number): readonly string[] =>
  Array.from({ length: amount }, (_, index) => {
    const id = first + index;
    const items = Array.from({ length: itemsOf(id) }, (_item, position) => ({ sku: `sku ${id}-${position}` }));
    return JSON.stringify({
      type: "order",
      order_id: id,
      email: `buyer${id}@example.com`,
      item_count: items.length,
      items,
    });
  });

const itemsOf = (id: number): number => id % 7;

/** Of the orders up to a number. */
export const itemsUpTo = (amount: number): number =>
  Array.from({ length: amount }, (_, id) => itemsOf(id)).reduce((sum, items) => sum + items, 0);
