import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { columnsOf } from "./config.ts";
import { loadConfig } from "./load-config.ts";
import { printConfig } from "./print-config.ts";

const PLACE = { address: "db.example:5432", database: "app", user: "piipe" };
const URL = "postgres://piipe:pass-word@db.example:5432/app?sslmode=disable";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-print-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function configOf(text: string) {
  const file = join(folder, "piipe.yaml");
  await writeFile(file, text);
  return loadConfig(file, { DATABASE_URL: URL });
}

describe("printConfig", () => {
  it("shows how columns are read as the configuration writes it", async () => {
    const text = `
source: { sqs: { queue: q } }
sink: { postgres: { url: "\${DATABASE_URL}", table: t } }
columns:
  at: { type: timestamp, format: [rfc3339, epoch-ms], cut: true }
  wall: { type: timestamp, format: sql, zone: Europe/Berlin }
  tenant: { value: acme, type: text }
  channel: { type: text, default: web, coerce: true }
  ip: { type: ip, strip: port, take: first, otherwise: null, nullable: true }
  n: { type: integer, absent: default }
`;
    const config = await configOf(text);
    const printed = await configOf(printConfig(config, PLACE).replace('"[secret]"', '"${DATABASE_URL}"'));
    expect(columnsOf(printed)).toEqual(columnsOf(config));
  });

  it("shows every default, and of the database's URL the place alone", async () => {
    const config = await configOf(`
source: { sqs: { queue: login-queue } }
sink: { postgres: { url: "\${DATABASE_URL}", table: app.user_logins } }
keys: { file: ./piipe.keys.json }
columns:
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }
`);
    expect(printConfig(config, PLACE)).toBe(`name: user_logins
source:
  sqs:
    queue: login-queue
sink:
  postgres:
    url: "[secret]" # db.example:5432, database app, user piipe
    table: app.user_logins
    createTable: false
    maxConnections: 4
    settings: transaction
keys:
  file: ${join(folder, "piipe.keys.json")}
  domain: user_logins
columns:
  user_id:
    from: user_id
    type: text
    nullable: false
    reveal: false
    piiDetection: warn
  masked_ip:
    from: ip
    type: ip
    nullable: false
    mask: hmac-sha256
    reveal: false
unknownFields: ignore
allowUnkeyed: false
batch:
  rows: 1000
  bytes: 4194304
  lingerMs: 50
quarantine:
  haltAboveShare: 0.5
`);
  });

  it.each([
    "iam",
    "{ file: /run/secrets/password }",
    "{ secret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf }",
  ])("says where the password is: %s", async (password) => {
    const config = await configOf(`
source: { sqs: { queue: q } }
sink: { postgres: { url: "postgres://u@h/db", password: ${password}, table: t } }
columns: { a: { type: text } }
`);
    const printed = await configOf(printConfig(config, PLACE).replace('"[secret]"', "postgres://u@h/db"));
    expect(config.sink.postgres.password).not.toBeNull();
    expect(printed.sink.postgres.password).toEqual(config.sink.postgres.password);
  });

  it("is a configuration that means the same, once the URL is given again", async () => {
    const config = await configOf(`
name: logins
source: { sqs: { queue: "https://sqs.us-west-1.amazonaws.com/123456789012/logins.fifo", region: us-west-1, visibilityTimeoutSeconds: 60 }, unwrap: [sns, s3, gzip], s3: { deleteObject: true } }
sink: { postgres: { url: "\${DATABASE_URL}", table: user_logins, createTable: true, maxConnections: 9 } }
columns:
  card: { type: text, mask: fpe-ff1, digits: 16, keyVersion: 2 }
  "no: column": { from: device.os.name, type: text, piiDetection: quarantine, nullable: true }
  day: { from: "@sent_at", type: timestamp, mask: generalize }
  key: { type: text, mask: hmac-sha256, reveal: true }
  gone: { type: text, mask: drop }
  dotted.name: { type: text }
  sku: { from: ['items[0]."sku.id"', '"@sku"', "@attribute.sku"], type: text }
unknownFields: quarantine
dedupeBy: [order.id, 'ids[0]']
batch: { rows: 5, bytes: 2097152, lingerMs: 0 }
quarantine: { haltAboveShare: 1 }
`);
    const printed = printConfig(config, PLACE);
    expect(printed).not.toContain("pass-word");
    const again = await configOf(printed.replace('"[secret]"', `"\${DATABASE_URL}"`));
    // What was printed says of each column whether it may be personal, which counts as having been written.
    const dotted = { from: "dotted.name" };
    const [table] = again.tables;
    const columns = table?.columns.map((column) => (column.name === "dotted.name" ? { ...column, ...dotted } : column));
    const tables = [{ ...table, columns, notPersonal: [] }];
    const asGiven = config.tables.map((given) => ({ ...given, notPersonal: [] }));
    expect({ ...again, tables }).toEqual({ ...config, tables: asGiven });
  });
});
