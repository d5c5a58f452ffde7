import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { PACKAGE_VERSION } from "../../src/app/package-version.ts";
import { CHART_FOLDER, LEAST_VALUES } from "../support/helm-chart.ts";

/* What can be told of the chart without helm; with it, helm-chart.slow.test.ts. */

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
}

const read = (name: string): Promise<string> => readFile(join(CHART_FOLDER, name), "utf8");
const defaults = parse(await read("values.yaml")) as Record<string, Record<string, unknown>>;
const schema = JSON.parse(await read("values.schema.json")) as Schema;
const values = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);

/** `scaling.promise.percent` and the like: every setting that is a value, or that may hold anything. */
function settingsOf(value: unknown, path = ""): readonly string[] {
  const isGroup = typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
  if (!isGroup || path === "resources") return [path];
  return Object.entries(value).flatMap(([key, inner]) => settingsOf(inner, path === "" ? key : `${path}.${key}`));
}

function settingsOfSchema({ properties }: Schema, path = ""): readonly string[] {
  if (properties === undefined) return [path];
  return Object.entries(properties).flatMap(([key, inner]) =>
    settingsOfSchema(inner, path === "" ? key : `${path}.${key}`),
  );
}

it("has defaults that its schema takes", () => {
  expect(values.safeParse(defaults).error).toBeUndefined();
  expect(values.safeParse({ ...defaults, ...LEAST_VALUES }).error).toBeUndefined();
});

it("has a default for every setting of its schema, and no other", () => {
  expect(settingsOf(defaults).toSorted()).toEqual(
    settingsOfSchema(schema)
      .filter((path) => path !== "global")
      .toSorted(),
  );
});

it.each([
  ["a setting that is none", { replica: 3 }],
  ["one inside a group", { scaling: { ...defaults["scaling"], queueURL: "https://sqs.example/1/q" } }],
  [
    "a promise that has no time to start workers",
    { scaling: { ...defaults["scaling"], promise: { percent: 99, withinSeconds: 30 } } },
  ],
  [
    "a percentage that it cannot plan for",
    { scaling: { ...defaults["scaling"], promise: { percent: 98, withinSeconds: 60 } } },
  ],
  ["a rate of nothing", { scaling: { ...defaults["scaling"], messagesPerSecond: { peak: 1, worker: 0 } } }],
  ["no replica", { replicas: 0 }],
  ["a digest that is a tag", { image: { repository: "a", tag: "", digest: "latest" } }],
  ["a role that is none", { serviceAccount: { name: "", roleArn: "piipe" } }],
])("refuses %s", (_, wrong) => {
  expect(values.safeParse({ ...defaults, ...wrong }).success).toBe(false);
});

it("is of the package's version", async () => {
  expect(parse(await read("Chart.yaml"))).toMatchObject({ version: PACKAGE_VERSION, appVersion: PACKAGE_VERSION });
});
