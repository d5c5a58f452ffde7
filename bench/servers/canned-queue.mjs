/**
 * A queue server that costs as little as it can, so that the client's own ceiling shows: prepared bodies, replies put
 * together from text. It knows the few actions that a consumer needs, gives each message once, and can take its time for
 * each reply as SQS does.
 */
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { makeEvents } from "../support/events.mjs";
import { Meter } from "./meter.mjs";
import { listenRaw } from "./raw-http.mjs";
import { serve } from "./serve.mjs";

/**
 * @typedef {object} CannedSettings
 * @property {number} count messages that the queue holds
 * @property {number} delayMs before each reply
 * @property {number} [bytes] of a body; default: a login event's
 * @property {boolean} [isHeld] nothing is given until `release`
 * @property {number} [perSecond] how many arrive; default: all are there
 */

/** Whatever name the client asks for. */
const ARN = "arn:aws:sqs:us-west-1:000000000000:login-queue";
const PREPARED = 1_000;
/** Large bodies are fewer: together they stay below this. */
const PREPARED_BYTES = 16 * 1024 * 1024;
/** SQS's receipt handles are that long. */
const HANDLE_CHARS = 400;
const REPLY_MESSAGES_MAX = 10;
/** How often a long poll looks for what has arrived meanwhile. */
const ARRIVAL_MS = 5;
/** Odd, so that no two counts have the same product: ids in no order, as SQS's are, for the ledger's index. */
const ID_MULTIPLIER = 0x9e3779b1;

const meter = new Meter();
/** @type {CannedSettings} */
let settings = { count: 0, delayMs: 0 };
/** The end of each message in a reply: digest and body. @type {string[]} */
let prepared = [];
let runId = "";
let given = 0;
let deleted = 0;
/** When the first message was asked for. */
let startedMs = 0;
/** Ends the waits of the long polls. @type {Set<() => void>} */
const waiting = new Set();

const endpoint = await listenRaw(async ({ action, input }) => {
  meter.noteRequest(action);
  const reply = await replyTo(action, input);
  if (settings.delayMs > 0) await sleep(settings.delayMs);
  return reply;
});
serve({ endpoint, meter, configure, release });

/** @param {CannedSettings} wanted */
function configure(wanted) {
  settings = wanted;
  const { bytes } = settings;
  const count = bytes === undefined ? PREPARED : Math.min(PREPARED, Math.ceil(PREPARED_BYTES / bytes));
  prepared = makeEvents(count, { seed: 1, ...(bytes !== undefined && { bytes }) }).map((body) => {
    const digest = createHash("md5").update(body).digest("hex");
    return `"MD5OfBody":"${digest}","Body":${JSON.stringify(body)}}`;
  });
  runId = randomBytes(6).toString("hex");
  given = 0;
  deleted = 0;
  startedMs = 0;
}

/** The held messages arrive, all at once. */
function release() {
  settings = { ...settings, isHeld: false };
  for (const end of waiting) end();
}

/**
 * @param {string} action
 * @param {string} input JSON
 * @returns {Promise<import("./raw-http.mjs").RawReply>}
 */
async function replyTo(action, input) {
  switch (action) {
    case "ReceiveMessage":
      return { status: "200 OK", body: await receive(input) };
    case "DeleteMessageBatch":
      return { status: "200 OK", body: remove(input) };
    case "GetQueueUrl":
      return { status: "200 OK", body: JSON.stringify({ QueueUrl: `${endpoint}/000000000000/login-queue` }) };
    case "GetQueueAttributes":
      return { status: "200 OK", body: JSON.stringify({ Attributes: attributes() }) };
    default:
      return { status: "400 Bad Request", body: JSON.stringify({ __type: "com.amazonaws.sqs#InvalidAction" }) };
  }
}

/** @param {string} input */
async function receive(input) {
  const wanted = Number(/"MaxNumberOfMessages": *(\d+)/.exec(input)?.[1] ?? 1);
  const askedOf = runId;
  const untilMs = performance.now() + Number(/"WaitTimeSeconds": *(\d+)/.exec(input)?.[1] ?? 0) * 1_000;
  if (startedMs === 0) startedMs = performance.now();
  for (let restMs = 1; left() === 0 && restMs > 0; restMs = untilMs - performance.now()) {
    await arrivalWithin(settings.perSecond === undefined ? untilMs - performance.now() : ARRIVAL_MS);
  }
  // Whoever asked before is gone, and would take the next run's messages along.
  if (askedOf !== runId) return "{}";
  const count = Math.min(wanted, REPLY_MESSAGES_MAX, left());
  if (count === 0) return "{}";
  const first = given;
  given += count;
  meter.noteReceived(count);
  const sentAt = Date.now();
  const messages = Array.from({ length: count }, (_, index) => messageAt(first + index, sentAt));
  return `{"Messages":[${messages.join(",")}]}`;
}

function left() {
  if (settings.isHeld === true) return 0;
  const { count, perSecond } = settings;
  const arrived = perSecond === undefined ? count : ((performance.now() - startedMs) * perSecond) / 1_000;
  return Math.min(count, Math.floor(arrived)) - given;
}

/**
 * @param {number} index
 * @param {number} sentAt
 */
function messageAt(index, sentAt) {
  const mixed = (Math.imul(index, ID_MULTIPLIER) >>> 0).toString(16).padStart(8, "0");
  const id = `${mixed}-0000-4000-8000-${runId}`;
  const system = `{"SenderId":"AIDAIT2UOQQY3AUEKVGXU","SentTimestamp":"${sentAt}","ApproximateReceiveCount":"1","ApproximateFirstReceiveTimestamp":"${sentAt}"}`;
  const handle = id.padEnd(HANDLE_CHARS, "A");
  return `{"MessageId":"${id}","ReceiptHandle":"${handle}","Attributes":${system},${prepared[index % prepared.length]}`;
}

/** @param {number} ms */
async function arrivalWithin(ms) {
  await new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      waiting.delete(end);
      resolve(null);
    };
    const timer = setTimeout(end, ms);
    waiting.add(end);
  });
}

/** @param {string} input */
function remove(input) {
  const done = [...input.matchAll(/"Id": *"([^"]+)"/g)].map(([, id]) => `{"Id":"${id}"}`);
  deleted += done.length;
  meter.noteDeleted(done.length);
  return `{"Successful":[${done.join(",")}],"Failed":[]}`;
}

function attributes() {
  return {
    QueueArn: ARN,
    VisibilityTimeout: "30",
    ApproximateNumberOfMessages: String(settings.count - given),
    ApproximateNumberOfMessagesNotVisible: String(given - deleted),
    ApproximateNumberOfMessagesDelayed: "0",
  };
}
