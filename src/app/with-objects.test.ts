import { expect, it, onTestFinished, vi } from "vitest";
import { ModelSource } from "../../tests/support/model-source.ts";
import type { Config } from "../config/config.ts";
import { parseConfig } from "../config/load-config.ts";
import { withObjects } from "./with-objects.ts";

const options = {
  emit: () => {},
  stop: new AbortController().signal,
  untilEmpty: true,
  credentials: { accessKeyId: "a", secretAccessKey: "s" },
};

const configOf = (source: object): Config =>
  parseConfig(
    {
      source: { sqs: { queue: "q", region: "eu-west-1" }, ...source },
      sink: { postgres: { url: "postgres://h/db", table: "t" } },
      columns: { a: { type: "text" } },
    },
    { baseFolder: "/" },
  );

it("leaves a source as it is without the step", async () => {
  const source = new ModelSource();
  for (const settings of [{}, { unwrap: "gzip" }, { unwrap: ["sns", "json"] }]) {
    expect(await withObjects(configOf(settings), source, options)).toBe(source);
  }
});

it("refuses an endpoint of the environment that is none", async () => {
  vi.stubEnv("AWS_ENDPOINT_URL_S3", "minio:9000");
  onTestFinished(() => void vi.unstubAllEnvs());
  const opening = withObjects(configOf({ unwrap: "s3" }), new ModelSource(), options);
  await expect(opening).rejects.toMatchObject({
    code: "config.invalid",
    hint: expect.stringContaining("AWS_ENDPOINT_URL_S3"),
  });
});
