import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { dashboardToken } from "../../src/cli/dashboard-token.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { freePort } from "../../src/embedded/free-port.ts";
import { readSampleEvents, SAMPLE_TABLE_FILE } from "../../src/embedded/sample-events.ts";
import { createTestDatabase, query } from "../support/postgres.ts";
import { callSqs, countMessages } from "../support/sqs.ts";
import { until } from "../support/until.ts";

/*
 * No container engine is needed: the files are checked for what an engine would refuse, and the commands that it would
 * run in containers are run as processes of this machine, with the host's paths for those of the mounts.
 */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** The part of the Compose specification that compose.yaml uses; an unknown or misspelt key fails. */
const serviceSchema = z.strictObject({
  image: z.string().optional(),
  build: z.string().optional(),
  profiles: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  working_dir: z.string().optional(),
  user: z.string().optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.literal("CMD")], z.string()),
      interval: z.string(),
      timeout: z.string(),
      retries: z.int(),
    })
    .optional(),
  depends_on: z
    .record(z.string(), z.strictObject({ condition: z.enum(["service_healthy", "service_completed_successfully"]) }))
    .default({}),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  stop_grace_period: z.string().optional(),
});
const compose = z
  .strictObject({
    services: z.strictObject({
      postgres: serviceSchema,
      sqs: serviceSchema,
      seed: serviceSchema,
      piipe: serviceSchema,
    }),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(parse(readFileSync(`${ROOT}/compose.yaml`, "utf8")));
const { postgres, sqs, seed, piipe } = compose.services;

/** The path on this machine of a path inside a service's container. */
function hostPath(volumes: readonly string[], path: string): string {
  for (const [source = "", target = ""] of volumes.map((volume) => volume.split(":"))) {
    if (path === target || path.startsWith(`${target}/`)) return `${ROOT}/${source}${path.slice(target.length)}`;
  }
  throw new Error(`nothing is mounted at ${path}`);
}

describe("compose.yaml", () => {
  test("has the ports, names and credentials that the documentation tells", () => {
    expect(postgres.environment).toEqual({
      POSTGRES_USER: "postgres",
      POSTGRES_PASSWORD: "postgres",
      POSTGRES_DB: "postgres",
    });
    expect([postgres.ports, sqs.ports]).toEqual([["127.0.0.1:5432:5432"], ["127.0.0.1:4566:4566"]]);
    expect(piipe.profiles).toEqual(["piipe"]);
    expect(piipe.ports).toEqual(["127.0.0.1:4780:4780", "127.0.0.1:9464:9464"]);
  });

  test.each(Object.entries(compose.services))("%s can be started by an engine", (_, service) => {
    const { image, build, volumes, depends_on: dependencies, ports } = service;
    expect([image, build].filter((origin) => origin !== undefined)).toHaveLength(1);
    expect(image ?? "built:0").toMatch(/^[\w./-]+:\d[\w.-]*$/);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    for (const volume of volumes) {
      const [source = ""] = volume.split(":");
      expect(source.startsWith("./") ? existsSync(`${ROOT}/${source}`) : source in compose.volumes).toBe(true);
    }
    for (const [name, { condition }] of Object.entries(dependencies)) {
      const dependency = Object.entries(compose.services).find(([key]) => key === name)?.[1];
      expect(dependency).toBeDefined();
      expect(dependency?.profiles).toBeUndefined();
      expect(dependency?.healthcheck !== undefined).toBe(condition === "service_healthy");
    }
  });

  test("its init file makes the table of the original script", async () => {
    const file = hostPath(postgres.volumes, "/docker-entrypoint-initdb.d/user-logins.sql");
    expect(file).toBe(`${ROOT}/./examples/logins/user-logins.sql`);
    expect(readFileSync(SAMPLE_TABLE_FILE, "utf8")).toBe(readFileSync(file, "utf8"));

    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    await query(database.url, readFileSync(file, "utf8"));
    const columns = await query<{ name: string; type: string }>(
      database.url,
      `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
       WHERE attrelid = 'user_logins'::regclass AND attnum > 0 ORDER BY attnum`,
    );
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      "user_id character varying(128)",
      "device_type character varying(32)",
      "masked_ip character varying(256)",
      "masked_device_id character varying(256)",
      "locale character varying(32)",
      "app_version integer",
      "create_date date",
    ]);
  });
});

test("the pipeline's dashboard and metrics are served, as the files say, by options that the command knows", () => {
  const [, line = ""] = /exec piipe (run .*)/.exec(piipe.command?.join("\n") ?? "") ?? [];
  let at: unknown = null;
  const program = buildProgram(() => Promise.resolve());
  program.commands.find((command) => command.name() === "run")?.action((options: unknown) => void (at = options));
  program.parse(line.split(" "), { from: "user" });
  expect(at).toMatchObject({ dashboard: { host: "0.0.0.0", port: 4780 }, metrics: { host: "0.0.0.0", port: 9464 } });
  const token = piipe.environment["PIIPE_DASHBOARD_TOKEN"] ?? "";
  const place = { isLoopback: false, address: "0.0.0.0" };
  expect(dashboardToken(piipe.environment, place, { allowsActions: false, canShow: false })?.value).toBe(token);
  for (const file of ["compose.yaml", "examples/logins/README.md"]) {
    const text = readFileSync(`${ROOT}/${file}`, "utf8");
    expect(text).toContain(`http://127.0.0.1:4780/?token=${token}`);
    expect(text).toContain("http://127.0.0.1:9464/metrics");
  }
});

describe("the services sqs and seed, as processes", () => {
  let server: ChildProcess;
  let endpoint: string;

  const isHealthy = async (): Promise<boolean> => {
    const [, program = "", ...args] = sqs.healthcheck?.test ?? [];
    expect(program).toBe("node");
    const onThisPort = args.map((arg) => arg.replace("127.0.0.1:4566", new URL(endpoint).host));
    return run(process.execPath, onThisPort).then(
      () => true,
      () => false,
    );
  };
  const sendEvents = async (): Promise<string> => {
    const [program, script = "", ...args] = seed.command ?? [];
    expect(program).toBe("node");
    const env = { ...process.env, ...seed.environment, AWS_ENDPOINT_URL_SQS: endpoint };
    const { stderr } = await run(process.execPath, [hostPath(seed.volumes, script), ...args], { env });
    return stderr;
  };

  beforeAll(async () => {
    const port = await freePort();
    endpoint = `http://127.0.0.1:${port}`;
    if (await isHealthy()) throw new Error("the health check finds a server that was not started");
    const init = hostPath(sqs.volumes, sqs.environment["FAUXQS_INIT"] ?? "");
    server = spawn(process.execPath, [`${ROOT}/node_modules/fauxqs/dist/cli.js`], {
      env: { ...process.env, ...sqs.environment, FAUXQS_INIT: init, FAUXQS_PORT: String(port) },
      stdio: "ignore",
    });
    await until("the queue server is healthy", isHealthy);
  });
  afterAll(async () => {
    const exited = once(server, "exit");
    server.kill("SIGKILL");
    await exited;
  });

  test("send the 100 events to login-queue, once", async () => {
    expect(await sendEvents()).toBe("login-queue: 100 events sent\n");
    const { QueueUrl } = (await callSqs(endpoint, "GetQueueUrl", { QueueName: "login-queue" })) as { QueueUrl: string };
    expect(QueueUrl).toContain("us-west-1");
    expect((await countMessages(endpoint, QueueUrl)).total).toBe(100);

    expect(await sendEvents()).toContain("nothing sent");
    expect((await countMessages(endpoint, QueueUrl)).total).toBe(100);

    const bodies: string[] = [];
    while (bodies.length < 100) {
      const input = { QueueUrl, MaxNumberOfMessages: 10 };
      const { Messages } = (await callSqs(endpoint, "ReceiveMessage", input)) as {
        Messages: { Body: string; ReceiptHandle: string }[];
      };
      for (const { Body, ReceiptHandle } of Messages) {
        bodies.push(Body);
        await callSqs(endpoint, "DeleteMessage", { QueueUrl, ReceiptHandle });
      }
    }
    expect(bodies.toSorted()).toEqual((await readSampleEvents()).toSorted());

    // Emptied by a consumer and then restarted: the rows of the first time must not be doubled.
    expect(await sendEvents()).toContain("nothing sent");
    expect((await countMessages(endpoint, QueueUrl)).total).toBe(0);
  });
});

describe("Dockerfile", () => {
  const instructions = readFileSync(`${ROOT}/Dockerfile`, "utf8")
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

  test("copies only what exists and .dockerignore lets through", () => {
    const allowed = readFileSync(`${ROOT}/.dockerignore`, "utf8")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const sources = instructions
      .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(sources.length).toBeGreaterThan(5);
    // Of the patterns, the one with a star alone.
    const isAllowed = (source: string): boolean =>
      allowed.includes(source) || (/^tools\/build-[\w-]+\.mjs$/.test(source) && allowed.includes("tools/build-*.mjs"));
    for (const source of sources) {
      expect(isAllowed(source.replace(/^\.\//, "")), source).toBe(true);
      expect(existsSync(`${ROOT}/${source}`)).toBe(true);
    }
  });

  test("ends as an ordinary user, with the built command, which env finds by its first line", () => {
    // What is built without a target is the worker's stage.
    expect(instructions.at(-1)).toBe("FROM worker");
    const from = instructions.findIndex((line) => line.endsWith(" AS worker"));
    const last = instructions.slice(
      from,
      instructions.findIndex((line, at) => at > from && line.startsWith("FROM ")),
    );
    expect(last).toContain("USER node");
    expect(last).toContain('ENTRYPOINT ["piipe"]');
    expect(readFileSync(`${ROOT}/dist/bin/piipe.js`, "utf8").split("\n", 1)[0]).toBe("#!/usr/bin/env node");
  });
});
