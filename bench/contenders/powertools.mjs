/** @aws-lambda-powertools/batch with pg, as its users write it: a record at a time, with two HMACs and one insert. */
import { createHmac } from "node:crypto";
import process from "node:process";
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import pg from "pg";

const key = Buffer.from(String(process.env["HMAC_KEY"]), "base64");
const pool = new pg.Pool({ connectionString: String(process.env["DATABASE_URL"]), max: 1 });
const processor = new BatchProcessor(EventType.SQS);

const token = (/** @type {string} */ value) => createHmac("sha256", key).update(value).digest("base64url");

const INSERT = `
  INSERT INTO user_logins (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date)
  VALUES ($1, $2, $3, $4, $5, $6, $7)`;

/** @param {{ body: string, attributes: { SentTimestamp: string } }} record */
async function store(record) {
  const event = JSON.parse(record.body);
  await pool.query(INSERT, [
    event.user_id,
    event.device_type,
    token(event.ip),
    token(event.device_id),
    event.locale,
    Number(event.app_version.replaceAll(".", "")),
    new Date(Number(record.attributes.SentTimestamp)).toISOString().slice(0, 10),
  ]);
}

/** @param {{ Records: never[] }} event @param {never} context */
export const handler = (event, context) => processPartialResponse(event, store, processor, { context });
