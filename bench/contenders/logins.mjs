/** What the contenders share: the row of a login event, as their users would write it, and the insert of many rows. */
import { createHmac } from "node:crypto";
import process from "node:process";
import pg from "pg";

/** @param {string} name */
function required(name) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`the environment has no ${name}: contenders are started by the benchmark`);
  return value;
}

export const queueUrl = required("QUEUE_URL");
/** Messages to work off; the program ends when they are done. */
export const messages = Number(required("MESSAGES"));

const key = Buffer.from(required("HMAC_KEY"), "base64");
const pool = new pg.Pool({ connectionString: required("DATABASE_URL") });

/** @typedef {readonly (string | number | null)[]} Row in the order of the table's columns */

/** @param {string} value */
const hmacToken = (value) => createHmac("sha256", key).update(value).digest("base64url");

/**
 * @param {import("@aws-sdk/client-sqs").Message} message
 * @returns {Row}
 */
export function rowOf({ Body: body, Attributes: attributes }, token = hmacToken) {
  const event = JSON.parse(String(body));
  return [
    event.user_id,
    event.device_type,
    token(event.ip),
    token(event.device_id),
    event.locale,
    Number(event.app_version.replaceAll(".", "")),
    new Date(Number(attributes?.SentTimestamp)).toISOString().slice(0, 10),
  ];
}

const INSERT = `
  INSERT INTO user_logins (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::date[])`;
const COLUMNS = 7;

/** @param {readonly Row[]} rows */
export async function insertRows(rows) {
  await pool.query(
    INSERT,
    Array.from({ length: COLUMNS }, (_, column) => rows.map((row) => row[column])),
  );
}

export async function closeDatabase() {
  await pool.end();
}
