import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runProcess } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { startSecretsFake } from "../support/secrets-manager.ts";
import { testSqs } from "../support/sqs.ts";

const OPTIONAL = ["@aws-sdk/client-secrets-manager", "@aws-sdk/rds-signer"];

let folder: string;
let pipeline: LoginPipeline;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  pipeline = await createLoginPipeline(testSqs());
});
afterEach(async () => {
  await pipeline.remove();
  await rm(folder, { recursive: true });
});

/** What a command loads of other packages: V8 names each script of a process whose coverage it is asked for. */
async function packagesOf(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const { code, stderr } = await runProcess(args, {
    ...pipeline,
    environment: { ...pipeline.environment, ...environment, NODE_V8_COVERAGE: folder },
  });
  const loaded = new Set<string>();
  for (const name of await readdir(folder)) {
    const { result } = JSON.parse(await readFile(join(folder, name), "utf8")) as { result: { url: string }[] };
    for (const { url } of result) {
      const [, found] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
      if (found !== undefined) loaded.add(found);
    }
  }
  return { code, stderr, loaded };
}

it("a run loads nothing of AWS but what the queue needs", async () => {
  const { code, stderr, loaded } = await packagesOf(["run", "--until-empty"], {});
  expect(code, stderr).toBe(0);
  // Whose parts the credentials' chain needs: what is bundled with the command has no file of its own.
  expect(loaded).toContain("@smithy/core");
  expect(OPTIONAL.filter((name) => loaded.has(name))).toEqual([]);
  expect([...loaded].filter((name) => name.startsWith("@aws-sdk/client-"))).toEqual([]);
});

it("one whose password is a secret loads that client alone", async () => {
  const secrets = await startSecretsFake();
  const url = new URL(pipeline.databaseUrl);
  await secrets.put(decodeURIComponent(url.password));
  url.password = "";
  const file = join(pipeline.folder, "piipe.yaml");
  const sink = `sink: { postgres: { url: "${url.href}", table: user_logins, password: { secret: "${secrets.arn}" } } }`;
  await writeFile(file, (await readFile(file, "utf8")).replace(/sink: .*/, sink));
  const { code, stderr, loaded } = await packagesOf(["run", "--until-empty"], secrets.environment);
  await secrets.stop();
  expect(code, stderr).toBe(0);
  expect(OPTIONAL.filter((name) => loaded.has(name))).toEqual(["@aws-sdk/client-secrets-manager"]);
});
