/** What people have and want, and the line of the configuration for it. A test takes each event with its line. */
export interface ConfigTask {
  readonly want: string;
  /** An event's fields, as JSON without the outer braces. */
  readonly event: string;
  /** Under `columns`; with `isTop` at the top of the file. */
  readonly yaml: string;
  readonly isTop?: true;
}

export const CONFIG_TASKS: readonly ConfigTask[] = [
  {
    want: "My times are epoch milliseconds (or seconds: `epoch-s`, microseconds: `epoch-us`)",
    event: '"placed_at": 1772352001212',
    yaml: "placed_at: { type: timestamp, format: epoch-ms }",
  },
  {
    want: "My times have no zone",
    event: '"placed_at": "2026-03-01 10:00:00.5"',
    yaml: "placed_at: { type: timestamp, format: sql, zone: Europe/Berlin }",
  },
  {
    want: "Some producers write RFC 3339, others epoch seconds",
    event: '"at": 1772352001',
    yaml: "at: { type: timestamp, format: [rfc3339, epoch-s] }",
  },
  {
    want: "My table holds seconds, my events more",
    event: '"created_at": "2026-03-01T10:00:00.123Z"',
    yaml: "created_at: { type: timestamp, cut: true }",
  },
  {
    want: "Money, exact to the last digit",
    event: '"totals": { "amount": "129.90" }',
    yaml: "total: { from: totals.amount, type: decimal }",
  },
  {
    want: "Ids beyond 2^53",
    event: '"seq": 9223372036854775807',
    yaml: "seq: { type: integer }",
  },
  {
    want: "Numbers and booleans that come as text",
    event: '"quantity": "3"',
    yaml: "quantity: { type: integer, coerce: true }",
  },
  {
    want: "An enum, an interval, or whatever else PostgreSQL reads from text",
    event: '"status": "paid"',
    yaml: "status: { type: text }",
  },
  {
    want: "A list of labels, into `text[]`",
    event: '"tags": ["new", "gift"]',
    yaml: 'tags: { type: "text[]" }',
  },
  {
    want: "A field that may be missing or null: store NULL",
    event: '"coupon": null',
    yaml: "coupon: { type: text, nullable: true }",
  },
  {
    want: "… store a value of mine",
    event: '"channel": null',
    yaml: "channel: { type: text, default: web }",
  },
  {
    want: "… let the table's own DEFAULT fill it",
    event: '"priority": null',
    yaml: "priority: { type: integer, absent: default }",
  },
  {
    want: "The same value in every row",
    event: '"id": 1',
    yaml: "tenant: { type: text, value: acme }",
  },
  {
    want: "A value deep in the event, in a list, or under a name with a dot",
    event: '"detail": { "items": [{ "user.id": "u-1" }] }',
    yaml: "user_id: { from: 'detail.items[0].\"user.id\"', type: text }",
  },
  {
    want: "A value in one of two places",
    event: '"contact": { "email": "jane@example.com" }',
    yaml: "email: { from: [customer.email, contact.email], type: text, mask: hmac-sha256 }",
  },
  {
    want: "The same person in two columns, recognisable across them and other tables",
    event: '"receipt_email": "jane@example.com"',
    yaml: "receipt_email: { type: text, mask: hmac-sha256, key: email }",
  },
  {
    want: "Personal values inside JSON that I store",
    event: '"context": { "ip": "198.51.100.7", "devices": [{ "id": "d-1" }] }',
    yaml: 'context: { type: json, masks: { ip: { type: ip, mask: hmac-sha256 }, "devices[].id": hmac-sha256 } }',
  },
  {
    want: "The client's address out of a forwarded-for list",
    event: '"forwarded": "198.51.100.7:4711, 10.0.0.1"',
    yaml: "ip: { from: forwarded, type: ip, take: first, strip: port, mask: hmac-sha256 }",
  },
  {
    want: "Phone numbers in national form: equal ones get equal tokens",
    event: '"phone": "030 901820"',
    yaml: "phone: { type: phone, region: DE, mask: hmac-sha256 }",
  },
  {
    want: "When the message was sent, or an attribute of it",
    event: '"id": 1',
    yaml: 'sent_at: { from: "@sent_at", type: timestamp }',
  },
  {
    want: "Events that come through SNS (without raw delivery), gzip or base64",
    event: '"id": 1',
    yaml: "source: { sqs: { queue: orders }, unwrap: [sns, gzip] }",
    isTop: true,
  },
  {
    want: "Large events that the producers' Extended Client puts into S3",
    event: '"id": 1',
    yaml: "source: { sqs: { queue: orders }, unwrap: s3 }",
    isTop: true,
  },
  {
    want: "Producers send an event again: store it once",
    event: '"event_id": "e-1"',
    yaml: "dedupeBy: event_id",
    isTop: true,
  },
  {
    want: "Refuse events with fields that no column declares",
    event: '"id": 1',
    yaml: "unknownFields: quarantine",
    isTop: true,
  },
];

/** “By task” of docs/configuration.md. */
export function configTasks(): string {
  const rows = CONFIG_TASKS.map(
    ({ want, event, yaml, isTop }) => `| ${want} | ${isTop === true ? "" : `\`${event}\``} | \`${yaml}\` |`,
  );
  return `## By task

Each line stands under \`columns\`; the last four, at the top of the file.

| what you have and want | in the event | write |
| --- | --- | --- |
${rows.join("\n")}
`;
}
