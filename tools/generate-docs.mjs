/**
 * Writes the documents that are made from the code: docs/errors.md, docs/configuration.md, docs/cli.md,
 * docs/metrics.md, docs/events.md. With --check it writes nothing, and fails when a file is not what it would write. Reads the built
 * code: build first.
 */
import { commanderReference } from "./commander-reference.mjs";
import { errorReference } from "./error-reference.mjs";
import { eventReference } from "./event-reference.mjs";
import { metricReference } from "./metric-reference.mjs";
import { writeGenerated } from "./write-generated.mjs";

const root = new URL("../", import.meta.url);
/** @param {string} name of a module of `dist` */
const load = (name) => import(new URL(`dist/${name}`, root).href);

/** @type {typeof import("../src/errors.ts")} */
const { ERROR_CODES } = await load("errors.js");
/** @type {typeof import("../src/pipeline/contracts.ts")} */
const { REJECTION_CODES } = await load("pipeline/contracts.js");
/** @type {typeof import("../src/pipeline/rejection-remedies.ts")} */
const { REJECTION_REMEDIES } = await load("pipeline/rejection-remedies.js");
/** @type {typeof import("../src/config/config-reference.ts")} */
const { configReference } = await load("config/config-reference.js");
/** @type {typeof import("../src/cli/failure.ts")} */
const { exitCodeOfErrorCode } = await load("cli/failure.js");
/** @type {typeof import("../src/cli/help-topics.ts")} */
const { ENVIRONMENT, EXIT_CODE_MEANINGS, FILES, OUTPUT } = await load("cli/help-topics.js");
/** @type {typeof import("../src/cli/program.ts")} */
const { buildProgram } = await load("cli/program.js");

/** @type {typeof import("../src/telemetry/metric-table.ts")} */
const { METRICS } = await load("telemetry/metric-table.js");

await writeGenerated({
  "docs/cli.md": `# Command line\n\n${commanderReference(
    buildProgram(async () => {}),
    { Output: OUTPUT, "Exit codes": EXIT_CODE_MEANINGS, Environment: ENVIRONMENT, Files: FILES },
  )}`,
  "docs/configuration.md": configReference(),
  "docs/events.md": await eventReference(),
  "docs/errors.md": errorReference({
    ERROR_CODES,
    EXIT_CODE_MEANINGS,
    REJECTION_CODES,
    REJECTION_REMEDIES,
    exitCodeOfErrorCode,
  }),
  "docs/metrics.md": metricReference(METRICS),
});
