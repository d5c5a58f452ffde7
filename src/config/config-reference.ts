import { inputSchema, type SchemaNode } from "./json-schema.ts";

const INTRO = `# Configuration

One YAML file, by default \`piipe.yaml\` in the current folder. \`definePipeline({...})\` takes the same keys in code.
Unknown keys are errors. An error names file, line, column, what is wrong and what would be right.

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/piipe/piipe.schema.json
EXAMPLE
\`\`\`

## Environment references

Any value, but no key, may be or hold a reference to an environment variable:

| written | gives |
| --- | --- |
| \`\${NAME}\` | what the variable holds; an error when it is not set |
| \`\${NAME:-default}\` | the same, or the default when it is not set or empty |
| \`$$\{\` | \`$\{\` itself; any other dollar sign stands for itself |

References are replaced after the file was read as YAML, so what a variable holds can never become another key. It
becomes a number or true/false where the setting asks for one. Within \`{ }\` and \`[ ]\`, and where a default holds
\`: \` or \` #\`, write the whole value in quotes. Anchors and tags are not supported.
`;

const TYPES = `## Types

What a column's value must be in the event, and what the table's column may be. Anything else refuses the event, or stops
the start. A masked column is text in the table, except with \`generalize\` (also inet, cidr, timestamptz, timestamp), the
ipcrypt masks (also inet) and \`drop\` (any type).

| type | in the event | in the table |
| --- | --- | --- |
| \`text\` | a string; stored as it is | text, varchar, char, citext |
| \`integer\` | a whole number within ±(2⁵³ − 1) | smallint, integer, bigint, numeric, text |
| \`number\` | a number: a fraction as the nearest double, from 2⁵³ on only what a double holds as written | double precision, numeric without a scale, text |
| \`boolean\` | \`true\` or \`false\` | boolean |
| \`timestamp\` | RFC 3339 text with a zone, such as \`2026-01-31T12:00:00.5+02:00\`; digits beyond microseconds are cut | timestamptz, timestamp (in UTC), text |
| \`date\` | \`2026-01-31\`, or a timestamp, whose UTC date counts | date, timestamp, text |
| \`uuid\` | a UUID in any case | uuid, text |
| \`ip\` | an IPv4 or IPv6 address without a zone | inet, text |
| \`version\` | one to three numbers, such as \`2.3.0\` or \`0.96\` | integer, bigint, numeric: major × 1,000,000 + minor × 1,000 + patch; text: as it is |
| \`json\` | any JSON whose numbers are within a double's range; stored as it is written in the body | jsonb, json, text |

Metadata are text, but for \`@sent_at\` and \`@received_at\`, which are timestamps. Message attributes are read as the
column's type means them. Before masking, values are brought into one form: docs/masking.md says which.
`;

/** A whole pipeline, shown in the documentation; a test parses it. */
export const EXAMPLE = `source:
  sqs:
    queue: login-queue
sink:
  postgres:
    url: \${DATABASE_URL}
    table: user_logins
keys:
  file: ./piipe.keys.json
columns:
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }
  locale: { type: text, nullable: true }
  create_date: { from: "@sent_at", type: date }`;

/** The whole of docs/configuration.md, made from the schema. */
export function configReference(): string {
  return `${INTRO.replace("EXAMPLE", () => EXAMPLE)}\n${sections(inputSchema(), "").join("\n")}\n${TYPES}`;
}

function sections(node: SchemaNode, path: string): readonly string[] {
  const children = Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const childPath = path === "" ? name : `${path}.${name}`;
    if (child.properties !== undefined) return sections(child, childPath);
    const each = child.additionalProperties;
    return typeof each === "object" ? sections({ ...each, ...describedBy(child) }, `${childPath}.NAME`) : [];
  });
  return [section(node, path), ...children];
}

function describedBy({ description }: SchemaNode): SchemaNode {
  return description === undefined ? {} : { description };
}

function section(node: SchemaNode, path: string): string {
  const rows = Object.entries(node.properties ?? {}).map(([name, child]) => {
    const isRequired = node.required?.includes(name) === true;
    const cells = [`\`${name}\``, valueText(child), defaultText(child, isRequired), child.description ?? ""];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  const title = path === "" ? "At the top" : `\`${path}\``;
  const lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |", ...rows];
  return `## ${title}\n\n${node.description ?? ""}\n\n${lines.join("\n")}\n`;
}

function valueText(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((name) => `\`${name}\``).join(", ");
  if (node.type === "object") return "a mapping";
  if (node.type === "boolean") return "`true` or `false`";
  if (node.type === "string") return "text";
  const kind = node.type === "integer" ? "whole number" : "number";
  const from = node.exclusiveMinimum === undefined ? `from ${node.minimum}` : `above ${node.exclusiveMinimum}`;
  return `${kind} ${from} to ${node.maximum}`;
}

function defaultText(node: SchemaNode, isRequired: boolean): string {
  if (isRequired) return "required";
  return node.default === undefined ? "" : `\`${node.default}\``;
}
