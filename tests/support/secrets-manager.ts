import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { freePort } from "../../src/embedded/free-port.ts";
import { LOCAL_AWS } from "./cli.ts";
import { until } from "./until.ts";

/** A server of AWS Secrets Manager's protocol with one secret. */
export interface TestSecrets {
  readonly arn: string;
  /** For the command line: where the server is, and who asks. */
  readonly environment: Readonly<Record<string, string>>;
  put(text: string): Promise<void>;
  stop(): Promise<void>;
}

const environmentOf = (endpoint: string) => ({ ...LOCAL_AWS, AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint });

/** The one request that piipe makes, where the server itself is not what is tested. Counts what it was asked. */
export async function startSecretsFake(): Promise<
  TestSecrets & { readonly asked: () => number; answerWith(status: number, type: string | null): void }
> {
  const arn = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:piipe/test-AbCdEf";
  let secret = "";
  let asked = 0;
  let failure: { readonly status: number; readonly type: string | null } | null = null;
  const server = createServer((request, response) => {
    asked += 1;
    request.resume();
    const isRead = request.headers["x-amz-target"] === "secretsmanager.GetSecretValue";
    const { status, body } =
      failure !== null
        ? {
            status: failure.status,
            body: failure.type === null ? "canary" : { __type: failure.type, message: "canary" },
          }
        : { status: isRead ? 200 : 400, body: { ARN: arn, Name: "piipe/test", SecretString: secret } };
    response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    arn,
    environment: environmentOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    asked: () => asked,
    answerWith: (status, type) => void (failure = status === 200 ? null : { status, type }),
    async put(text) {
      secret = text;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const command = process.env["PIIPE_MOTO_SERVER"] ?? "moto_server";
export const hasMoto = spawnSync(command, ["--help"], { stdio: "ignore" }).status === 0;

/** A server that others wrote: `pip install 'moto[server,secretsmanager]'`, on the PATH or in PIIPE_MOTO_SERVER. */
export async function startMotoSecrets(): Promise<TestSecrets> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const moto: ChildProcess = spawn(command, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const call = async (action: string, input: object): Promise<{ readonly ARN?: string }> => {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `secretsmanager.${action}`,
        authorization: "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/secretsmanager/aws4_request",
      },
      body: JSON.stringify(input),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as { readonly ARN?: string };
  };
  await until("moto answers", async () => (await fetch(endpoint).catch(() => null)) !== null);
  const { ARN: arn = "" } = await call("CreateSecret", { Name: "piipe/test", SecretString: "none yet" });
  return {
    arn,
    environment: environmentOf(endpoint),
    put: async (SecretString) => void (await call("PutSecretValue", { SecretId: arn, SecretString })),
    async stop() {
      moto.kill();
      await once(moto, "exit");
    },
  };
}
