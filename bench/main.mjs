/**
 * `npm run bench`: what piipe costs and how fast it is, beside its peers, on servers of its own. README.md says what
 * each part measures.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { measureDashboard } from "./scenarios/dashboard.mjs";
import { measureFlatness } from "./scenarios/flatness.mjs";
import { measureIdle } from "./scenarios/idle.mjs";
import { measureLatency } from "./scenarios/latency.mjs";
import { measureMemory } from "./scenarios/memory.mjs";
import { measureRamp } from "./scenarios/ramp.mjs";
import { measureThroughput } from "./scenarios/throughput.mjs";
import { measureWorkers } from "./scenarios/workers.mjs";
import { describeMachine, machineText } from "./support/machine.mjs";
import { installPeers } from "./support/peer-packages.mjs";
import { figuresOf, textOf } from "./support/report.mjs";
import { openStand } from "./support/stand.mjs";
import { writeResults } from "./support/write-results.mjs";

/**
 * @typedef {object} Settings
 * @property {boolean} isQuick
 * @property {(text: string) => void} say what is going on, for whoever waits
 */

/** @typedef {import("./support/report.mjs").Section} Section */
/** @typedef {(stand: import("./support/stand.mjs").Stand, settings: Settings) => Promise<Section>} Part */

/** @type {Readonly<Record<string, Part>>} */
const PARTS = {
  throughput: measureThroughput,
  latency: measureLatency,
  idle: measureIdle,
  ramp: measureRamp,
  memory: measureMemory,
  flatness: measureFlatness,
  workers: measureWorkers,
  dashboard: measureDashboard,
};

const say = (/** @type {string} */ text) => console.error(`bench: ${text}`);
const flags = readFlags();
// The servers and programs end with this process: see support/.
for (const [signal, exitCode] of Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })) {
  process.once(signal, () => process.exit(exitCode));
}

if (flags.parts.includes("throughput")) installPeers(say);
const startedMs = performance.now();
const stand = await openStand();
/** @type {Record<string, Section>} */
const sections = {};
try {
  for (const [index, name] of flags.parts.entries()) {
    const part = PARTS[name];
    if (part === undefined) continue;
    say(`${name}, part ${index + 1} of ${flags.parts.length} …`);
    try {
      sections[name] = await part(stand, { isQuick: flags.isQuick, say: (text) => say(`${name}: ${text}`) });
    } catch (error) {
      // The other parts are worth having; the exit code tells.
      process.exitCode = 1;
      console.error(error);
      say(`${name} failed`);
    }
  }
} finally {
  await stand.close();
}
const machine = describeMachine(stand.postgresVersion);
const seconds = Math.round((performance.now() - startedMs) / 1_000);
const figures = { machine, isQuick: flags.isQuick, seconds, parts: figuresOf(sections) };
if (flags.isJson) {
  console.log(JSON.stringify(figures));
} else {
  console.log(`\n${machineText(machine)}\n`);
  for (const section of Object.values(sections)) console.log(textOf(section));
}
if (flags.writes && process.exitCode === undefined) await writeResults(figures, Object.values(sections));
say(`done in ${seconds} s`);

function readFlags() {
  const names = Object.keys(PARTS);
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        only: { type: "string" },
      },
    });
    const parts = values.only?.split(",") ?? names;
    const unknown = parts.find((name) => !names.includes(name));
    if (unknown !== undefined) throw new Error(`there is no part ${unknown}: --only takes ${names.join(",")}`);
    if (values.write && values.only !== undefined) throw new Error("--write keeps the figures of one whole run");
    return { isQuick: values.quick, isJson: values.json, writes: values.write, parts };
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}
