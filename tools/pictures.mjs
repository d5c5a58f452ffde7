/**
 * `npm run pictures`: makes the README's pictures from the real thing. The dashboard is that of `piipe demo --serve`,
 * under a load that fills its charts, which takes a quarter of an hour; `-- --minutes 2` for a try. Needs Chromium, and
 * the command `script` of util-linux, which gives `npm start` a terminal.
 */
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { build, mainFile } from "./build.mjs";
import { renderTerminal } from "./terminal-svg.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const imagesFolder = fileURLToPath(new URL("../docs/images/", import.meta.url));
const { values } = parseArgs({ options: { minutes: { type: "string", default: "16" } } });

/** Limits of SendMessageBatch and of one machine that does everything at once. */
const BATCH_MESSAGES = 10;
const BATCHES_PER_SECOND = { least: 15, most: 45, burst: 160 };
const BURST = { everySeconds: 240, seconds: 14 };
const REFUSED_EVERY = 900;
const PNG_BYTES_MAX = 250_000;

if (!(await build())) process.exit(1);
mkdirSync(imagesFolder, { recursive: true });
drawDemo();
await photographDashboard(Number(values.minutes) * 60);

function drawDemo() {
  const command = "stty cols 100 rows 60; npm start --silent";
  const typescript = execFileSync("script", ["-qec", command, "/dev/null"], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, TERM: "xterm-256color", NO_COLOR: undefined, CI: undefined },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const picture = renderTerminal(typescript, "npm start");
  if (picture.includes(root)) throw new Error("the picture names a folder of this machine");
  writeFileSync(`${imagesFolder}demo.svg`, picture);
  console.log(`demo.svg: ${picture.length} bytes`);
}

/** @param {number} seconds how long the load lasts */
async function photographDashboard(seconds) {
  const demo = spawn(process.execPath, [mainFile, "demo", "--serve"], { stdio: ["ignore", "ignore", "pipe"] });
  const executablePath = process.env["PIIPE_TEST_CHROMIUM"] ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  try {
    const { url, endpoint, queueUrl } = await servedBy(demo);
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, timezoneId: "UTC" });
    await page.goto(url);
    // Watched from the start: the queue is asked only while somebody looks.
    await page.locator(".charts").waitFor();
    await load({ endpoint, queueUrl }, seconds);
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.locator(`[data-theme=${colorScheme}] .charts`).waitFor();
      // Two ticks: the charts are drawn anew with each.
      await sleep(2_500);
      const charts = await page.locator(".charts").boundingBox();
      const height = Math.ceil((charts?.y ?? 0) + (charts?.height ?? 0) + 9);
      const png = await page.screenshot({ clip: { x: 0, y: 0, width: 1280, height } });
      if (png.length > PNG_BYTES_MAX) throw new Error(`the ${colorScheme} picture has ${png.length} bytes`);
      writeFileSync(`${imagesFolder}dashboard-${colorScheme}.png`, png);
      console.log(`dashboard-${colorScheme}.png: ${png.length} bytes`);
    }
  } finally {
    await browser.close();
    demo.kill("SIGTERM");
  }
}

/**
 * @param {import("node:child_process").ChildProcessByStdio<null, null, import("node:stream").Readable>} demo
 * @returns {Promise<{ url: string, endpoint: string, queueUrl: string }>}
 */
async function servedBy(demo) {
  let printed = "";
  for await (const chunk of demo.stderr.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    printed += String(chunk);
    const url = /Dashboard: +(\S+)/.exec(printed)?.[1];
    const endpoint = /AWS_ENDPOINT_URL_SQS=(\S+)/.exec(printed)?.[1];
    const spareQueueUrl = /"QueueUrl":"([^"]+)"/.exec(printed)?.[1];
    if (url === undefined || endpoint === undefined || spareQueueUrl === undefined) continue;
    // Its log goes on, and a full pipe would stop it.
    demo.stderr.resume();
    return { url, endpoint, queueUrl: spareQueueUrl.replace(/[^/]+$/, "login-queue") };
  }
  throw new Error(`the demo ended before it served anything:\n${printed}`);
}

/** @typedef {{ endpoint: string, queueUrl: string }} Target */

/**
 * Sends in waves, with a burst now and then, and an event that is refused now and then.
 * @param {Target} target
 * @param {number} seconds
 */
async function load(target, seconds) {
  /** @type {readonly object[]} */
  const all = JSON.parse(readFileSync(`${root}examples/logins/events.json`, "utf8"));
  // One of the samples is refused, which is too many by far at this rate.
  const samples = all.filter((event) => "user_id" in event);
  let sent = 0;
  const nextBody = () => {
    sent += 1;
    if (sent % REFUSED_EVERY === 0) return sent % (2 * REFUSED_EVERY) === 0 ? "{" : '{"user_id":null}';
    return JSON.stringify({ ...samples[sent % samples.length], user_id: randomUUID() });
  };
  const begunMs = performance.now();
  for (;;) {
    const startedMs = performance.now();
    // By the clock: a second in which the machine was busy is not made up for.
    const second = Math.round((startedMs - begunMs) / 1_000);
    if (second >= seconds) return;
    const { least, most, burst } = BATCHES_PER_SECOND;
    const wave = (1 + Math.sin(second / 37) * Math.cos(second / 11)) / 2;
    const isBurst = second % BURST.everySeconds >= BURST.everySeconds - BURST.seconds;
    const batches = isBurst ? burst : Math.round(least + (most - least) * wave);
    for (let batch = 0; batch < batches; batch += 1) {
      await sendBatch(target, Array.from({ length: BATCH_MESSAGES }, nextBody));
      const dueMs = ((batch + 1) / batches) * 1_000;
      const aheadMs = dueMs - (performance.now() - startedMs);
      if (aheadMs > 5) await sleep(aheadMs);
    }
  }
}

/**
 * @param {Target} target
 * @param {readonly string[]} bodies
 */
async function sendBatch({ endpoint, queueUrl }, bodies) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "x-amz-target": "AmazonSQS.SendMessageBatch", "content-type": "application/x-amz-json-1.0" },
    body: JSON.stringify({
      QueueUrl: queueUrl,
      Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
    }),
  });
  if (!response.ok) throw new Error(`the queue answered with ${response.status}`);
  await response.text();
}
