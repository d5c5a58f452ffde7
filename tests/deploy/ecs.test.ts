import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { type ScalarTag, parse } from "yaml";
import { IAM_ACTIONS } from "../../src/sources/sqs/client/sqs-actions.ts";
import { listAt, valueAt } from "../support/value-at.ts";

/* What cfn-lint lets pass; cfn-lint itself is run by ecs.slow.test.ts. */

const shortForms: readonly ScalarTag[] = ["Ref", "GetAtt", "Sub"].map((name) => ({
  tag: `!${name}`,
  resolve: (text: string) => ({ [name]: text }),
}));

const template: unknown = parse(await readFile(new URL("../../deploy/ecs/piipe.yaml", import.meta.url), "utf8"), {
  customTags: [...shortForms],
});
const at = (path: string): unknown => valueAt(template, path);
const container = "Resources.TaskDefinition.Properties.ContainerDefinitions.0";

it("lets a worker do what the pipeline sends to its queue, and nothing else", () => {
  expect(listAt(template, "Resources.TaskRole.Properties.Policies")).toHaveLength(1);
  expect(at("Resources.TaskRole.Properties.Policies.0.PolicyDocument.Statement")).toEqual([
    expect.objectContaining({
      Effect: "Allow",
      Action: [...new Set(Object.values(IAM_ACTIONS))].toSorted(),
      Resource: { Ref: "QueueArn" },
    }),
  ]);
});

it("runs it with the fewest rights, and lets nobody but itself ask for its health", () => {
  expect(at(container)).toMatchObject({ User: "1000", ReadonlyRootFilesystem: true });
  expect(at(`${container}.LinuxParameters.Capabilities`)).toEqual({ Drop: ["ALL"] });
  expect(at(`${container}.Command`)).toContain("127.0.0.1:9464");
  expect(listAt(template, `${container}.HealthCheck.Command`).join(" ")).toContain("http://127.0.0.1:9464/healthz");
});

it("gives it more time to stop than it takes to drain, and no more than Fargate gives", () => {
  const command = listAt(template, `${container}.Command`);
  const drainSeconds = Number(command[command.indexOf("--drain-timeout") + 1]);
  expect(at(`${container}.StopTimeout`)).toBeGreaterThan(drainSeconds + 5);
  expect(at(`${container}.StopTimeout`)).toBeLessThanOrEqual(120);
});

it("hands it the database's URL and the keyring as secrets alone", () => {
  expect(at(`${container}.Secrets`)).toEqual([
    { Name: "DATABASE_URL", ValueFrom: { Ref: "DatabaseUrlSecret" } },
    { Name: "PIIPE_KEYS", ValueFrom: { Ref: "KeyringSecret" } },
  ]);
  expect(at(`${container}.Environment`)).toEqual([{ Name: "AWS_REGION", Value: { Ref: "AWS::Region" } }]);
  expect(at("Resources.ExecutionRole.Properties.Policies.0.PolicyDocument.Statement.0.Resource")).toEqual([
    { Ref: "DatabaseUrlSecret" },
    { Ref: "KeyringSecret" },
  ]);
});

it("replaces workers without another set of connections", () => {
  expect(at("Resources.Service.Properties.DeploymentConfiguration")).toMatchObject({
    MaximumPercent: 100,
    MinimumHealthyPercent: 0,
  });
  // An update of the stack would set it, whatever the scaling has decided.
  expect(at("Resources.Service.Properties.DesiredCount")).toBeUndefined();
});

it("scales by what waits and what is in flight, for each running worker, of which one is always there", () => {
  const policy = "Resources.BacklogPerWorkerPolicy.Properties";
  const tracking = `${policy}.TargetTrackingScalingPolicyConfiguration`;
  expect(at(`${policy}.PolicyType`)).toBe("TargetTrackingScaling");
  // A switch that would leave workers running for ever.
  expect(at(`${tracking}.DisableScaleIn`)).toBeUndefined();
  const metrics = listAt(template, `${tracking}.CustomizedMetricSpecification.Metrics`);
  expect(
    Object.fromEntries(
      metrics.map((each) => [
        valueAt(each, "Id"),
        valueAt(each, "MetricStat.Metric.MetricName") ?? valueAt(each, "Expression"),
      ]),
    ),
  ).toEqual({
    visible: "ApproximateNumberOfMessagesVisible",
    inFlight: "ApproximateNumberOfMessagesNotVisible",
    workers: "RunningTaskCount",
    backlog: "(visible + inFlight) / IF(workers > 1, workers, 1)",
  });
  expect(metrics.filter((each) => valueAt(each, "ReturnData")).map((each) => valueAt(each, "Id"))).toEqual(["backlog"]);
  expect(at("Parameters.WorkersMin")).toMatchObject({ MinValue: 1, Default: 1 });
});

it("has every reference to something that it names", () => {
  const names = new Set([at("Parameters"), at("Resources")].flatMap((part) => Object.keys(part as object)));
  const named = [...JSON.stringify(template).matchAll(/"(?:Ref|GetAtt)":"([\w:]+)/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !name.startsWith("AWS::") && !names.has(name))).toEqual([]);
});
