import { configTasks } from "./config-tasks.ts";
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

const PATHS = `## Paths

What \`from\` may be, and \`dedupeBy\` but for metadata other than \`@attribute.NAME\`:

| written | takes |
| --- | --- |
| \`ip\` | the field \`ip\` of the event |
| \`device.os.name\` | \`name\` in \`os\` in \`device\` |
| \`items[0].sku\` | \`sku\` of the first element of \`items\`; \`matrix[1][0]\` works as well |
| \`"user.id".name\` | \`name\` in the field \`user.id\`: names with dots, brackets or quotes, or an \`@\` at the beginning, stand in double quotes, with JSON's escapes. In YAML: \`from: '"user.id".name'\` |
| \`"@sent_at"\` | metadata (the quotes are YAML's; a field of that name is \`'"@sent_at"'\`) |
| \`[customer.email, contact.email]\` | the first that has a value |
| \`.\` | the whole event; below an \`each\` the whole element |
| \`^.order_id\` | below an \`each\`: \`order_id\` in what the array's path begins at, the event; \`^.^.\` one level higher |
| \`"@index"\` | below an \`each\`: the element's place, from 0 |

Of several, one that is missing or null is passed over, and so is one that is out of reach, as what stands on the way to it is
no object or array. In a masked column an empty text is passed over, too. When none has a value, the column is NULL if it is \`nullable\` and nothing was out of reach; else the event is refused, and the rejection names
all of them: \`customer.email or contact.email\`. A value that was found but does not fit refuses the event: the next is not tried.

Without \`from\` a column takes the field of exactly its own name, dots included.
`;

const TABLES = `## Several tables

\`tables\` takes the place of \`sink.postgres.table\` and \`columns\`:

\`\`\`yaml
tables:
  orders:
    when: { type: order.created }
    columns:
      order_id: { type: uuid }
      email: { from: customer.email, type: text, mask: hmac-sha256 }
  order_items:
    when: { type: order.created }
    each: items
    columns:
      order_id: { from: ^.order_id, type: uuid }
      position: { from: "@index", type: integer }
      sku: { type: text }
unmatched: quarantine
\`\`\`

- **One message, all of its rows, one transaction, once.** Its rows in all tables are stored together or not at all. A row that
  PostgreSQL refuses takes its whole message to the quarantine, and no other.
- \`when\` names fields, or metadata, and what they must be: a text, a number or a truth value, a list of some, or
  \`{ present: true }\`. All of them must hold. Numbers and texts are different values: \`1\` is not \`"1"\`. Two tables may take the
  same event. What none takes goes into the quarantine (\`event.unmatched\`); with \`unmatched: drop\` it is counted and deleted.
- \`each\` leads to an array, whose elements have a row each: \`items\`, \`order.items\`, or \`packages[].items\` for arrays within
  the elements of another. Paths then begin at the element. An array that is missing or null has no rows; anything but an array refuses
  the event. A message has at most 10,000 rows (\`body.too-many-rows\`).
- \`source.each\` makes each element of an array in the body an event of its own: \`Records\`, or \`.\` for a body that is an array. The
  message is still one: all of its events are stored, or none. It goes without \`dedupeBy\`.
- A column without a mask is refused when it holds what is masked in any row of the message (\`leak.echo\`).
- Columns of several tables with the same name share their key, so that equal values have equal tokens; they must be masked in the
  same way, or have keys of their own (\`key\`).
- Foreign keys among the tables hold, in whichever order the tables are named.
`;

const WRAPPINGS = `## Wrappings

\`source.unwrap\` says what each message's body is wrapped in, outermost first, as in \`unwrap: [sns, gzip]\`. Every message must
be wrapped so; another is refused (\`body.wrapping\`), with the step that could not be taken and what was
found there: JSON, a notification of SNS, damaged gzip and the like. So must each line that
\`piipe mask\` reads; in the place of a pointer to S3 it takes the object's text.

| step | takes | gives |
| --- | --- | --- |
| \`sns\` | a notification of Amazon SNS without raw message delivery | what was published, and the metadata \`@sns.topic\`, \`@sns.subject\`, \`@sns.timestamp\` and \`@sns.message_id\` |
| \`s3\` | a pointer of AWS's Extended Client to an object in S3, of either form; anything else passes as it is | the object's text |
| \`base64\` | a text in base64, also of the form for URLs, on one line or several | its bytes, as UTF-8 text unless \`gzip\` follows |
| \`gzip\` | gzip, which in a text is written in base64: \`base64\` before it may be left out | what was packed |
| \`json\` | a JSON string that holds JSON | that JSON |
| \`lines\` | a text with an event on each line (NDJSON); it stands last | the events, which are one message: all of them are stored, or none |

- With \`sns\`, an \`@attribute.NAME\` is the attribute that was published with the event; without such a one, the message's own. A
  request to confirm a subscription is refused as \`body.confirmation\`.
- What is unpacked may have as many bytes as a body, 1 MiB: inflating ends there, and the event is refused (\`body.too-large\`).
- \`s3\` stands first, or behind \`sns\` alone: \`[s3]\`, \`[s3, gzip]\`, \`[sns, s3]\`. The object may have 1 MiB; behind
  \`sns\` so may the notification with the object in it. S3 is asked with the credentials and in the region of the queue; a bucket in
  another region is followed there. The endpoint is \`source.s3.endpoint\`, else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the
  profile's, else AWS's own. [What S3 leads to](message-life.md#what-s3-leads-to), and the
  [rights](operations.md#aws-rights) that a worker needs. \`deleteObject: true\` is for objects that no other queue's messages
  point to.
- A byte order mark at the beginning of a text is skipped, wrapped or not.
- A refused message is sealed as it was received, with its object in the place of the pointer, and unwrapped again when it is
  replayed. Where the object could not be had, a replay asks S3 again.
- Whoever may send to the queue may write such an envelope, SNS's as well: its metadata proves nothing.
`;

const TYPES = `## Types

What a column's value must be in the event, and what the table's column may be. Anything else refuses the event, or stops
the start. A masked column is text in the table, except with \`generalize\` (also inet, cidr, timestamptz, timestamp), the
ipcrypt masks (also inet) and \`drop\` (any type).

| type | in the event | in the table |
| --- | --- | --- |
| \`text\` | a string; stored as it is. One of an enum must be a label that it had at the start | text, varchar, char, citext; and what PostgreSQL reads from text and piipe has no type for: an enum, a domain, interval, time, macaddr, cidr, xml, bit, point, a range, vector, a row type whose fields do not round … |
| \`integer\` | a whole number | smallint, integer, bigint (all 64 bits), numeric (all its digits), text |
| \`number\` | a number: a fraction as the nearest double, from 2⁵³ on only what a double holds as written | double precision, numeric, text |
| \`decimal\` | a number, or the text of one as JSON writes it; every digit is kept, and \`12.50\` is \`12.5\` | numeric, text |
| \`boolean\` | \`true\` or \`false\` | boolean |
| \`timestamp\` | RFC 3339 text with a zone, such as \`2026-01-31T12:00:00.5+02:00\`; others with \`format\` | timestamptz, timestamp (in UTC), text |
| \`date\` | \`2026-01-31\`, or a timestamp, whose UTC date counts | date, timestamp, text |
| \`uuid\` | a UUID in any case, also in braces, as a URN or without hyphens | uuid, text |
| \`ip\` | an IPv4 or IPv6 address without a zone | inet, text |
| \`version\` | one to three numbers, such as \`2.3.0\` or \`0.96\` | integer, bigint, numeric: major × 1,000,000 + minor × 1,000 + patch; text: as it is |
| \`phone\` | a phone number in international form, or with \`region\` in a national one; stored as E.164, such as \`+493012345678\` | text |
| \`mac\` | a MAC address of 48 bits in any usual spelling; stored as \`08:00:2b:01:02:03\` | macaddr, text |
| \`json\` | any JSON whose numbers are within a double's range; stored as it is written in the body | jsonb, json, text |
| \`text[]\` | a JSON array of strings, at most 4,096. A null inside refuses the event, unless the column is \`nullable\` | an array of what \`text\` goes into |
| \`integer[]\` | the same of whole numbers | an array of smallint, integer, bigint or numeric |
| \`number[]\` | the same of numbers | an array of double precision or numeric |
| \`decimal[]\` | the same of exact numbers | an array of numeric |
| \`boolean[]\` | the same of \`true\` and \`false\` | an array of boolean |
| \`uuid[]\` | the same of UUIDs | an array of uuid |
| \`timestamp[]\` | the same of timestamps | an array of timestamptz or timestamp |
| \`date[]\` | the same of dates | an array of date or timestamp |

A value that the table's column would round is refused, unless what is lost are zeros: \`numeric(9, 2)\` takes \`1.5\` and
refuses \`1.505\`, \`timestamp(0)\` takes \`12:00:00.000\`. So are decimals of a second beyond the sixth, which PostgreSQL has
no type for. \`cut: true\` cuts such digits off instead; it does not round.

Metadata are text, but for \`@sent_at\`, \`@received_at\` and \`@sns.timestamp\`, which are timestamps. Message attributes are read as the
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
  return `${INTRO.replace("EXAMPLE", () => EXAMPLE)}\n${configTasks()}\n${sections(inputSchema(), "").join("\n")}\n${TABLES}\n${PATHS}\n${WRAPPINGS}\n${TYPES}`;
}

function sections(node: SchemaNode, path: string): readonly string[] {
  const children = Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const childPath = path === "" ? name : `${path}.${name}`;
    // They are those of one table.
    if (childPath === "tables.NAME.columns") return [];
    const mapping = child.properties === undefined ? otherMapping(child) : child;
    if (mapping !== null) return sections({ ...mapping, ...describedBy(child) }, childPath);
    const each = mappingOf(child.additionalProperties);
    return each === null
      ? []
      : sections({ ...each, ...describedBy(child) }, `${childPath}.${name === "masks" ? "PATH" : "NAME"}`);
  });
  return [section(node, path), ...children];
}

/** Of what each key of a mapping holds, the mapping. */
function mappingOf(node: SchemaNode["additionalProperties"]): SchemaNode | null {
  return typeof node === "object" ? (otherMapping(node) ?? node) : null;
}

/** Of a setting that is something else or a mapping, the mapping. */
function otherMapping({ anyOf }: SchemaNode): SchemaNode | null {
  return anyOf?.find(({ properties }) => properties !== undefined) ?? null;
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
  if (Array.isArray(node.type)) return node.type.map((type: string) => valueText({ type })).join(", ");
  if (node.const !== undefined) return `\`${node.const}\``;
  if (node.type === "null") return "`null`";
  if (node.type === "number" && node.maximum === undefined) return "number";
  if (node.enum !== undefined) return node.enum.map((name) => `\`${name}\``).join(", ");
  if (node.anyOf !== undefined) {
    const [one, ...others] = node.anyOf;
    const hasList = others.some(({ type }) => type === "array");
    const orOther = hasList ? ", or a list of these" : otherMapping(node) === null ? "" : ", or a mapping";
    return `${one === undefined ? "" : valueText(one)}${orOther}`;
  }
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
