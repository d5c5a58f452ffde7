import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { until } from "../../../../tests/support/until.ts";
import { findEndpoint, findRegion, parseEndpoint, StandardCredentials } from "./aws-environment.ts";

const CONFIG = `
[default]
region = eu-north-1
[profile work]
region = ap-south-1
endpoint_url = http://profile.example
services = mine
[profile plain]
endpoint_url = http://profile.example
[profile off]
endpoint_url = http://profile.example
ignore_configured_endpoint_urls = true
[profile broken]
services = absent
[services mine]
sqs =
  endpoint_url = http://service.example
s3 =
  endpoint_url = http://s3.example
`;

let folder: string;

beforeEach(async () => {
  // A folder of its own each time: the shared files are cached by their path.
  folder = await mkdtemp(join(tmpdir(), "piipe-aws-"));
  await writeFile(join(folder, "config"), CONFIG);
  await writeFile(
    join(folder, "credentials"),
    "[default]\naws_access_key_id = FROMFILE\naws_secret_access_key = s\n[keys]\naws_access_key_id = FROMPROFILE\naws_secret_access_key = s\n",
  );
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "credentials"));
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

function stub(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

const inTime = (ms: number): string => new Date(Date.now() + ms).toISOString();

describe("findRegion", () => {
  it.each([
    [{ AWS_REGION: "us-west-2", AWS_DEFAULT_REGION: "us-east-2" }, "us-west-2"],
    [{ AWS_DEFAULT_REGION: "us-east-2", AWS_PROFILE: "work" }, "us-east-2"],
    [{ AWS_PROFILE: "work" }, "ap-south-1"],
    [{}, "eu-north-1"],
    [{ AWS_REGION: "" }, "eu-north-1"],
  ])("with %j gives %s", async (variables, expected) => {
    stub(variables);
    expect(await findRegion()).toBe(expected);
  });

  it("says what to set when there is none", async () => {
    stub({ AWS_PROFILE: "plain" });
    await expect(findRegion()).rejects.toMatchObject({ code: "queue.region-missing", retryable: false });
  });
});

describe("findEndpoint", () => {
  it.each([
    [{ AWS_ENDPOINT_URL_SQS: "http://a", AWS_ENDPOINT_URL: "http://b", AWS_PROFILE: "work" }, "http://a"],
    [{ AWS_ENDPOINT_URL: "http://b", AWS_PROFILE: "work" }, "http://b"],
    [{ AWS_PROFILE: "work" }, "http://service.example"],
    [{ AWS_PROFILE: "plain" }, "http://profile.example"],
    [{ AWS_PROFILE: "broken" }, null],
    [{}, null],
    [{ AWS_PROFILE: "off" }, null],
    [{ AWS_ENDPOINT_URL: "http://b", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" }, null],
    [{ AWS_PROFILE: "off", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "false" }, "http://profile.example"],
  ])("with %j gives %s", async (variables, expected) => {
    stub(variables);
    expect(await findEndpoint("sqs")).toBe(expected);
  });
});

describe("parseEndpoint", () => {
  it("takes http and https", () => {
    expect(parseEndpoint("sqs", "http://localhost:4566").origin).toBe("http://localhost:4566");
    expect(parseEndpoint("sqs", "https://sqs.example/base").pathname).toBe("/base");
  });

  it.each(["localhost:4566", "canary", "ftp://canary"])("refuses %s without quoting it", (text) => {
    expect(() => parseEndpoint("sqs", text)).toThrow(expect.objectContaining({ code: "config.invalid" }));
    expect(() => parseEndpoint("sqs", text)).not.toThrow(/canary/);
  });
});

describe("StandardCredentials", () => {
  it.each([
    [{ AWS_ACCESS_KEY_ID: "FROMENV", AWS_SECRET_ACCESS_KEY: "s" }, "FROMENV"],
    [{}, "FROMFILE"],
    [{ AWS_PROFILE: "keys" }, "FROMPROFILE"],
  ])("with %j finds %s", async (variables, expected) => {
    stub(variables);
    expect((await new StandardCredentials("eu-west-1").current()).accessKeyId).toBe(expected);
  });

  it("gives the same object again, so that the signer keeps its key", async () => {
    const credentials = new StandardCredentials("eu-west-1");
    expect(await credentials.current()).toBe(await credentials.current());
  });

  it("reads the files anew when refreshed", async () => {
    const credentials = new StandardCredentials("eu-west-1");
    await credentials.current();
    await writeFile(join(folder, "credentials"), "[default]\naws_access_key_id = RENEWED\naws_secret_access_key = s\n");
    expect((await credentials.current()).accessKeyId).toBe("FROMFILE");
    await Promise.all([credentials.refresh(), credentials.refresh()]);
    expect((await credentials.current()).accessKeyId).toBe("RENEWED");
  });

  it.each([
    ["for ever", undefined, true],
    ["for six more minutes", 360_000, true],
    ["for four more minutes, so that they are to be renewed", 240_000, false],
  ])("knows what it has found until it is refreshed: what holds %s", async (_what, leftMs, isKnown) => {
    const expiration: Record<string, string> =
      leftMs === undefined ? {} : { AWS_CREDENTIAL_EXPIRATION: inTime(leftMs) };
    stub({ AWS_ACCESS_KEY_ID: "FROMENV", AWS_SECRET_ACCESS_KEY: "s", ...expiration });
    const credentials = new StandardCredentials("eu-west-1");
    expect(credentials.known()).toBeNull();
    const found = await credentials.current();
    expect(credentials.known()).toBe(isKnown ? found : null);
    const refreshed = credentials.refresh();
    expect(credentials.known()).toBeNull();
    await refreshed;
    expect(credentials.known()).toBeNull();
  });

  it("does not take for known what a look-up from before a refresh brings after it", async () => {
    const [began, end, script] = [join(folder, "began"), join(folder, "end"), join(folder, "process.sh")];
    const answer = (key: string): string =>
      `echo '${JSON.stringify({ Version: 1, AccessKeyId: key, SecretAccessKey: "s" })}'`;
    const wait = `while [ ! -e ${end} ]; do sleep 0.05; done`;
    await writeFile(
      script,
      `if mkdir ${began} 2>/dev/null; then ${wait}; ${answer("FIRST")}; else ${answer("SECOND")}; fi\n`,
    );
    await writeFile(join(folder, "slow"), `[default]\ncredential_process = sh ${script}\n`);
    stub({ AWS_CONFIG_FILE: join(folder, "slow"), AWS_SHARED_CREDENTIALS_FILE: join(folder, "none") });
    const credentials = new StandardCredentials("eu-west-1");
    const first = credentials.current();
    await until("the first look-up has begun", () => existsSync(began));
    await credentials.refresh();
    await credentials.current();
    await writeFile(end, "");
    expect((await first).accessKeyId).toBe("FIRST");
    expect(credentials.known()?.accessKeyId).toBe("SECOND");
  });

  it("does not wait for ever for a look-up that hangs, and begins a new one", async () => {
    const answer = JSON.stringify({ Version: 1, AccessKeyId: "SECOND", SecretAccessKey: "s" });
    const [first, script] = [join(folder, "first"), join(folder, "process.sh")];
    // The first one ends with the test, which removes the folder.
    const wait = `touch ${first}; while [ -e ${first} ]; do sleep 0.1; done`;
    await writeFile(script, `if [ -e ${first} ]; then echo '${answer}'; else ${wait}; fi\n`);
    await writeFile(join(folder, "hangs"), `[default]\ncredential_process = sh ${script}\n`);
    stub({ AWS_CONFIG_FILE: join(folder, "hangs"), AWS_SHARED_CREDENTIALS_FILE: join(folder, "none") });
    const credentials = new StandardCredentials("eu-west-1", 2_000);
    await expect(credentials.current()).rejects.toMatchObject({
      code: "queue.credentials",
      message: expect.stringContaining("took too long") as string,
    });
    expect((await credentials.current()).accessKeyId).toBe("SECOND");
  });

  it("says what to do when there are none", async () => {
    stub({ AWS_PROFILE: "work" });
    await expect(new StandardCredentials("eu-west-1").current()).rejects.toMatchObject({
      code: "queue.credentials",
      retryable: false,
    });
  });
});
