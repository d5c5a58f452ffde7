import { expect, test } from "vitest";
import { parseConfig } from "../config/load-config.ts";
import { columnsNamed, placedColumns } from "./placed-columns.ts";

const config = parseConfig(
  {
    source: { sqs: { queue: "orders" } },
    sink: { postgres: { url: "postgres://localhost/db" } },
    tables: {
      "shop.orders": { columns: { email: { type: "text" }, id: { type: "text" } } },
      logins: { columns: { email: { type: "text" }, context: { type: "json" } } },
      // Named like a column of another.
      context: { columns: { ip: { type: "text" } } },
    },
  },
  { baseFolder: "/" },
);
const columns = placedColumns(config, (own) => own);

test.each([
  ["email", ["shop.orders.email", "logins.email"]],
  ["shop.orders.email", ["shop.orders.email"]],
  ["orders.email", ["shop.orders.email"]],
  ["logins.email", ["logins.email"]],
  ["context", ["logins.context"]],
  ["context.ip", ["context.ip"]],
  ["orders", []],
  ["logins.id", []],
  ["other.email", []],
])("%s names %j", (given, named) => {
  expect(columnsNamed(columns, given).map(({ shown }) => shown)).toEqual(named);
});

test("of a single table no column is shown with it", () => {
  const [first] = config.tables;
  const sole = placedColumns({ tables: first === undefined ? [] : [first] }, (own) => own);
  expect(sole.map(({ shown }) => shown)).toEqual(["email", "id"]);
  expect(columnsNamed(sole, "orders.email")).toHaveLength(1);
});
