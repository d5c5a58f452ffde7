/** docs/events.md: events of public shapes, and the configuration that `piipe init` makes of them. Reads the built code. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = new URL("../", import.meta.url);
const CLI_FILE = fileURLToPath(new URL("dist/bin/piipe.js", root));

/** By file of examples/events, what it is. */
const SAMPLES = /** @type {const} */ ({
  "sns-order": "An order, published through Amazon SNS",
  "eventbridge-shipment": "A shipment from Amazon EventBridge",
  "s3-notification": "A notification of Amazon S3",
  "segment-track": "A track call, as Segment sends it",
  "payment-succeeded": "A payment, as Stripe describes it",
  "cloudtrail-record": "A record of AWS CloudTrail",
  "github-push": "A push, as GitHub's webhook tells of it",
  "ga4-event": "An event as Google Analytics 4 exports it",
  "iot-reading": "The reading of a device",
  "snowplow-page-view": "A page view, as Snowplow enriches it",
  "cloudevents-return": "A CloudEvent",
});

const INTRO = `# Events

What \`piipe init\` makes of events of eleven public shapes; the demo's logins are the twelfth (\`examples/logins\`). Every value is
invented. A test sends each sample through a queue with the configuration as it was written
(\`tests/integration/twelve-events.test.ts\`): all are stored, and nothing that identifies a person is.

To try one: \`piipe init --queue NAME --table events --sample examples/events/sns-order.ndjson\`
`;

export async function eventReference() {
  const sections = [];
  // One after the other: each takes a core.
  for (const [name, title] of Object.entries(SAMPLES)) sections.push(await sectionOf(name, title));
  return `${INTRO}\n${sections.join("\n")}`;
}

/**
 * @param {string} name
 * @param {string} title
 */
async function sectionOf(name, title) {
  const sample = fileURLToPath(new URL(`examples/events/${name}.ndjson`, root));
  const [first = ""] = (await readFile(sample, "utf8")).split("\n", 1);
  return `## ${title}

\`examples/events/${name}.ndjson\`, the first line:

\`\`\`json
${JSON.stringify(JSON.parse(first), null, 2)}
\`\`\`

becomes

\`\`\`yaml
${await configurationOf(sample)}
\`\`\`
`;
}

/**
 * What the reader is to look at: the queue, the database and the keys are the same each time.
 * @param {string} sample
 */
async function configurationOf(sample) {
  const folder = await mkdtemp(join(tmpdir(), "piipe-events-"));
  try {
    const args = [CLI_FILE, "init", "--queue", "events", "--table", "events", "--sample", sample];
    await promisify(execFile)(process.execPath, args, {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder, AWS_REGION: "eu-central-1" },
    });
    const lines = (await readFile(join(folder, "piipe.yaml"), "utf8")).trimEnd().split("\n");
    const unwrap = lines.filter((line) => line.startsWith("  unwrap:"));
    const columns = lines.slice(lines.indexOf("columns:"));
    return [...(unwrap.length === 0 ? [] : ["source:", ...unwrap]), ...columns].join("\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
