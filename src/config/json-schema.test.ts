import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { COLUMN_TYPES } from "../pipeline/contracts.ts";
import { EXAMPLE, configReference } from "./config-reference.ts";
import { columnsOf } from "./config.ts";
import { type SchemaNode, inputSchema, jsonSchema } from "./json-schema.ts";
import { parseConfig } from "./load-config.ts";

const editor = z.fromJSONSchema(jsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
const example = (): Record<string, unknown> => parse(EXAMPLE) as Record<string, unknown>;

test("editors accept the example with its references, and references for every constrained value", () => {
  const reference = "${NAME:-x}";
  const references = {
    ...example(),
    source: { sqs: { queue: "q" }, unwrap: ["sns", reference] },
    unknownFields: reference,
    allowUnkeyed: reference,
    batch: { rows: reference, bytes: 2_000_000, lingerMs: "${A}" },
    quarantine: { haltAboveShare: reference },
    columns: {
      a: { type: reference, mask: reference, nullable: reference, from: ["b", reference] },
      b: { type: "json", masks: { ip: "redact", "d[].id": { mask: reference, reveal: reference }, e: reference } },
    },
  };
  expect(editor.safeParse(example()).success).toBe(true);
  expect(editor.safeParse(references).success).toBe(true);
});

test.each([
  { extra: 1 },
  { columns: {} },
  { columns: { a: { type: "string" } } },
  { columns: { a: { type: "text", mask: "ff3" } } },
  { columns: { a: { type: "text", digits: 5 } } },
  { columns: { a: { type: "json", masks: { ip: "ff3" } } } },
  { columns: { a: { type: "json", masks: { ip: { type: "ip" } } } } },
  { columns: { a: { type: "json", masks: { ip: { mask: "redact", type: "json" } } } } },
  { batch: { rows: 0 } },
  { batch: { rows: "5" } },
  { quarantine: { haltAboveShare: 0 } },
  { sink: { postgres: { url: "mysql://h", table: "t" } } },
  { source: undefined },
  { source: { sqs: { queue: "q" }, unwrap: "zip" } },
  { source: { sqs: { queue: "q" }, unwrap: ["sns", "zip"] } },
  { columns: { a: { type: "text", from: 5 } } },
  { columns: { a: { type: "text", from: ["b", 5] } } },
])("editors refuse %j", (change) => {
  expect(editor.safeParse({ ...example(), ...change }).success).toBe(false);
});

test("every setting is described", () => {
  const undescribed: string[] = [];
  const visit = (node: SchemaNode, path: string): void => {
    if (node.description === undefined) undescribed.push(path);
    for (const [name, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.${name}`);
    if (typeof node.additionalProperties === "object") visit(node.additionalProperties, `${path}.*`);
    for (const choice of node.anyOf ?? []) {
      // Of a setting that is a text or a mapping, the setting is described.
      if (choice.properties !== undefined) visit({ description: node.description ?? "", ...choice }, path);
    }
  };
  visit(inputSchema(), "top");
  expect(undescribed).toStrictEqual([]);
});

test("the reference has a row for every setting, with its values and default", () => {
  const rows = configReference()
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  expect(rows).toContain(
    "| `lingerMs` | whole number from 0 to 60000 | `50` | How long, in milliseconds, a batch that is not full waits for more events while more are at hand, and how far apart receives begin at a low rate, so that messages come together. 0: nothing waits. |",
  );
  expect(rows).toContain(
    "| `haltAboveShare` | number above 0 to 1 | `0.5` | The run halts when more than this share of the recent events was refused. 1 never halts. |",
  );
  expect(rows).toContain(
    "| `digits` | whole number from 6 to 56 |  | With `mask: fpe-ff1`, and then needed: how many digits each value has. Another number of digits is refused; what stands between them (spaces, hyphens, dots, slashes, brackets, a plus sign) is kept. |",
  );
  const [settingsPart = "", guides = ""] = configReference().split("## Several tables");
  const [, typesPart = ""] = guides.split("## Types");
  const settings = settingsPart.match(/^\| `\w+` \|/gm) ?? [];
  for (const type of COLUMN_TYPES) expect(typesPart).toContain(`| \`${type}\` |`);
  // The columns of several tables are those of one.
  const columns = countSettings(inputSchema().properties?.["columns"] ?? {});
  expect(settings).toHaveLength(countSettings(inputSchema()) - columns);
});

function countSettings(node: SchemaNode): number {
  const children = Object.values(node.properties ?? {});
  const each = typeof node.additionalProperties === "object" ? countSettings(node.additionalProperties) : 0;
  const choices = (node.anyOf ?? []).reduce((sum, choice) => sum + countSettings(choice), 0);
  return children.length + each + choices + children.reduce((sum, child) => sum + countSettings(child), 0);
}

test("the example of the reference is valid", () => {
  const filled = EXAMPLE.replace("${DATABASE_URL}", "postgres://localhost/db");
  expect(columnsOf(parseConfig(parse(filled), { baseFolder: "/" }))).toHaveLength(4);
});
