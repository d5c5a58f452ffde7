import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const pathOf = (name: string): string => fileURLToPath(new URL(`../../deploy/lambda/${name}`, import.meta.url));

const hasLint = spawnSync("cfn-lint", ["--version"]).status === 0;

it.skipIf(!hasLint)("cfn-lint finds nothing wrong with the template (needs cfn-lint from PyPI)", async () => {
  expect(await run("cfn-lint", [pathOf("template.yaml")])).toEqual({ stdout: "", stderr: "" });
});

const hasCdk = existsSync(pathOf("cdk/node_modules/aws-cdk-lib"));

interface Synthesized {
  readonly of: (type: string) => readonly Readonly<Record<string, unknown>>[];
}

/* The packages are 140 MB: `npm install` in deploy/lambda/cdk, where somebody changes the construct. */
describe.skipIf(!hasCdk)("the CDK construct (needs `npm install` in deploy/lambda/cdk)", () => {
  /** In a process of its own, which takes its types off. */
  async function synthesize(props: object): Promise<Synthesized> {
    const program = `
      import { App, Stack, Duration } from "aws-cdk-lib";
      import { SecurityGroup, Vpc } from "aws-cdk-lib/aws-ec2";
      import { Code } from "aws-cdk-lib/aws-lambda";
      import { Secret } from "aws-cdk-lib/aws-secretsmanager";
      import { Template } from "aws-cdk-lib/assertions";
      import { PiipeFunction } from "./piipe-function.ts";
      const stack = new Stack(new App(), "Test");
      const vpc = new Vpc(stack, "Vpc");
      const { batchWindowSeconds, ...props } = ${JSON.stringify(props)};
      new PiipeFunction(stack, "Piipe", {
        code: Code.fromInline("exports.handler = 1"), queueName: "logins", vpc,
        database: new SecurityGroup(stack, "Database", { vpc }),
        databaseUrl: new Secret(stack, "Url"), keyring: new Secret(stack, "Keys"),
        ...(batchWindowSeconds && { batchWindow: Duration.seconds(batchWindowSeconds) }), ...props,
      });
      console.log(JSON.stringify(Template.fromStack(stack).toJSON()));`;
    const { build } = await import("esbuild");
    const { outputFiles } = await build({
      stdin: { contents: program, resolveDir: pathOf("cdk"), loader: "ts" },
      write: false,
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
    });
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", outputFiles[0]?.text ?? ""], {
      cwd: pathOf("cdk"),
      maxBuffer: 16 * 1024 * 1024,
    });
    const { Resources: resources } = JSON.parse(stdout) as {
      readonly Resources: Readonly<
        Record<string, { readonly Type: string; readonly Properties: Record<string, unknown> }>
      >;
    };
    return {
      of: (type) =>
        Object.values(resources)
          .filter(({ Type: each }) => each === type)
          .map(({ Properties: properties }) => properties),
    };
  }

  it("gives what the template gives", async () => {
    const { of } = await synthesize({});
    const [mapping] = of("AWS::Lambda::EventSourceMapping");
    expect(mapping).toMatchObject({
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      BatchSize: 1_000,
      MaximumBatchingWindowInSeconds: 1,
      ScalingConfig: { MaximumConcurrency: 10 },
    });
    expect(mapping).not.toHaveProperty("FilterCriteria");
    const byName = Object.fromEntries(of("AWS::SQS::Queue").map((queue) => [String(queue["QueueName"]), queue]));
    expect(byName["logins"]).toMatchObject({ VisibilityTimeout: 361, SqsManagedSseEnabled: true });
    expect(byName["logins-dead-letters"]).toMatchObject({ MessageRetentionPeriod: 1_209_600 });
    const [lambda] = of("AWS::Lambda::Function").filter(({ Handler: handler }) => handler === "index.handler");
    expect(lambda).toMatchObject({ Timeout: 60, VpcConfig: { SubnetIds: expect.any(Array) } });
    expect(JSON.stringify(of("AWS::IAM::Policy"))).toContain("secretsmanager:GetSecretValue");
  });

  it("keeps the limits of FIFO queues", async () => {
    const { of } = await synthesize({ queueName: "logins.fifo" });
    const [mapping] = of("AWS::Lambda::EventSourceMapping");
    expect(mapping).toMatchObject({ BatchSize: 10 });
    expect(mapping).not.toHaveProperty("MaximumBatchingWindowInSeconds");
    const names = of("AWS::SQS::Queue").map(({ QueueName: name, FifoQueue: fifo }) => [name, fifo]);
    expect(names.toSorted()).toEqual([
      ["logins-dead-letters.fifo", true],
      ["logins.fifo", true],
    ]);
  });

  it.each([
    ["one environment", { maxConcurrency: 1 }, "maxConcurrency"],
    ["large FIFO batches", { queueName: "q.fifo", batchSize: 11 }, "batchSize of a FIFO"],
    ["a FIFO window", { queueName: "q.fifo", batchWindowSeconds: 1 }, "no batchWindow"],
  ])("refuses %s", async (_, props, why) => {
    await expect(synthesize(props)).rejects.toThrow(why);
  });
});
