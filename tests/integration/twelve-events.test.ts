import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseSample } from "../../src/init/parse-sample.ts";
import { LOCAL_AWS, runCli } from "../support/cli.ts";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const EVENTS_FOLDER = fileURLToPath(new URL("../../examples/events/", import.meta.url));

type Event = Readonly<Record<string, unknown>>;

/** The demo's own event, of which one in a hundred is of another kind. */
const LOGIN_FILE = fileURLToPath(new URL("../../examples/logins/events.json", import.meta.url));

/** By sample, the paths to what identifies a person or a device; a step `*` is every element. */
const PERSONAL: Readonly<Record<string, readonly string[]>> = {
  "sns-order": ["customer.email", "customer.name", "customer.phone", "shipping_address.street"],
  "eventbridge-shipment": ["detail.recipient.name", "detail.recipient.phone", "detail.recipient.email"],
  "s3-notification": ["Records.*.requestParameters.sourceIPAddress"],
  "segment-track": ["context.ip", "anonymousId"],
  "payment-succeeded": [
    "data.object.receipt_email",
    "data.object.billing_details.email",
    "data.object.billing_details.name",
    "data.object.billing_details.phone",
    "data.object.billing_details.address.line1",
  ],
  "cloudtrail-record": ["sourceIPAddress", "userIdentity.userName", "userIdentity.accessKeyId", "userIdentity.arn"],
  "github-push": ["pusher.email", "head_commit.author.email", "head_commit.author.name"],
  "ga4-event": ["user_pseudo_id"],
  "iot-reading": ["mac", "owner_email"],
  "snowplow-page-view": ["user_id", "user_ipaddress", "domain_userid", "network_userid"],
  login: ["ip", "device_id"],
  "cloudevents-return": ["data.customer.email", "data.customer.full_name", "data.customer.date_of_birth"],
};

function valuesAt(value: unknown, [step, ...rest]: readonly string[]): readonly string[] {
  if (value === null || value === undefined) return [];
  if (step === undefined) return typeof value === "string" ? [value] : [];
  if (step === "*") return (value as readonly unknown[]).flatMap((item) => valuesAt(item, rest));
  return valuesAt((value as Event)[step], rest);
}

/** What was published, where the body is a notification of it. */
const eventOf = (body: string): Event => {
  const event = JSON.parse(body) as Event;
  return event["Type"] === "Notification" ? (JSON.parse(String(event["Message"])) as Event) : event;
};

const sqs = testSqs();
let folder: string;
let database: TestDatabase;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  database = await createTestDatabase();
});
afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

describe("from `piipe init --sample` to rows, with the file as it was written", () => {
  it.each(Object.keys(PERSONAL))("%s", async (name) => {
    const file = name === "login" ? LOGIN_FILE : join(EVENTS_FOLDER, `${name}.ndjson`);
    const bodies = parseSample(await readFile(file, "utf8"));
    const others = name === "login" ? 1 : 0;
    const stored = bodies.length - others;
    const queue = await sqs.createTestQueue();
    await sqs.send(queue.url, bodies);
    const environment = { ...LOCAL_AWS, AWS_ENDPOINT_URL_SQS: sqs.endpoint, DATABASE_URL: database.url };
    const piipe = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await runCli(args, { folder, environment });
      expect({ args, code, stderr: code === 0 ? "" : stderr }).toEqual({ args, code: 0, stderr: "" });
      return stdout;
    };
    await piipe("init", "--queue", queue.name, "--table", "events", "--sample", file);
    await piipe("migrate");
    const totals = JSON.parse(await piipe("run", "--until-empty", "--json")) as Record<string, unknown>;
    expect(totals).toMatchObject({ stored, quarantined: others, left: 0, deleted: bodies.length });

    const rows = await query<{ row: string }>(database.url, "SELECT events::text AS row FROM events");
    expect(rows).toHaveLength(stored);
    const texts = rows.map(({ row }) => row.toLowerCase()).join("\n");
    const personal = bodies.flatMap((body) =>
      (PERSONAL[name] ?? []).flatMap((path) => valuesAt(eventOf(body), path.split("."))),
    );
    expect(personal.length).toBeGreaterThanOrEqual(stored);
    expect(personal.filter((value) => texts.includes(value.toLowerCase()))).toEqual([]);
  });
});
