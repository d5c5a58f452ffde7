import { reachObjects } from "../../app/with-objects.ts";
import type { Config } from "../../config/config.ts";
import { PiipeError } from "../../errors.ts";
import { inTime } from "./check-queue.ts";
import { type Finding, Findings } from "./findings.ts";
import { judgeEndpoint } from "./judge-queue.ts";

/**
 * Whether S3 answers, where messages may point to objects there. Reads none: which bucket, only a message tells. Nothing
 * without the step `s3`.
 */
export async function checkObjects(config: Config): Promise<readonly Finding[]> {
  const findings = new Findings();
  if (!config.source.unwrap.includes("s3")) return findings.list;
  const endpoint = await findings.look("objects", async () => {
    const value = await inTime((signal) => reachObjects(config, signal), noAnswer);
    const text = `S3 answers at ${value.origin}; the right to read objects was not tried: only a message tells which`;
    return { text, value };
  });
  if (endpoint !== null) findings.add(judgeEndpoint(endpoint, "source.s3.endpoint or AWS_ENDPOINT_URL_S3"));
  return findings.list;
}

const noAnswer = (timeoutMs: number): PiipeError =>
  new PiipeError("s3.unreachable", `S3 did not answer within ${timeoutMs / 1_000} s`, {
    retryable: true,
    hint: "Check the endpoint, the region and the network.",
  });
