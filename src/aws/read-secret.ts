import { PiipeError } from "../errors.ts";
import { awsErrorName, credentialsFailure } from "./aws-failure.ts";
import { loadPackage } from "./load-package.ts";

const PACKAGE = "@aws-sdk/client-secrets-manager";
const CONNECT_TIMEOUT_MS = 2_000;
const REPLY_TIMEOUT_MS = 3_000;

/**
 * The text of a secret in AWS Secrets Manager as it is now. Region and account are those of its ARN; credentials, and an
 * endpoint of one's own (AWS_ENDPOINT_URL_SECRETS_MANAGER), come from the standard chain. Needs `secretsmanager:GetSecretValue`,
 * and `kms:Decrypt` for a key of one's own.
 * @param setting which names it
 * @throws {PiipeError} `secrets.*`, `queue.credentials`, or `config.invalid` when AWS's library is not installed
 */
export async function readSecret(arn: string, setting: string, signal: AbortSignal): Promise<string> {
  const { GetSecretValueCommand, SecretsManagerClient } = await loadPackage(
    PACKAGE,
    setting,
    () => import("@aws-sdk/client-secrets-manager"),
  );
  const [, , , region = ""] = arn.split(":");
  // Asked for once in a while: nothing is kept open meanwhile.
  const client = new SecretsManagerClient({
    region,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REPLY_TIMEOUT_MS },
  });
  let text: string | undefined;
  try {
    ({ SecretString: text } = await client.send(new GetSecretValueCommand({ SecretId: arn }), { abortSignal: signal }));
  } catch (error) {
    throw failureOf(error, arn);
  } finally {
    client.destroy();
  }
  if (text === undefined || text === "") throw unusableSecret(arn, "holds no text");
  return text;
}

/** It was read, and is not what it should be. */
export const unusableSecret = (arn: string, what: string): PiipeError =>
  new PiipeError("secrets.unusable", `the secret ${arn} ${what}`, {
    hint: "Store what piipe needs as the secret's text: a password, JSON with a `password`, or a keyring.",
  });

const THROTTLED = /Throttl|TooManyRequests|LimitExceeded/;

/** Its message quotes what it was asked for, and may quote more. */
function failureOf(error: unknown, arn: string): PiipeError {
  const { $metadata, $response } = (error ?? {}) as {
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $response?: { readonly statusCode?: number };
  };
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  const name = awsErrorName(error);
  const ofCredentials = credentialsFailure(error, "reading a secret");
  if (ofCredentials !== null) return ofCredentials;
  const options = { cause: error };
  if (status === undefined || status >= 500 || THROTTLED.test(name)) {
    return new PiipeError("secrets.unavailable", `AWS Secrets Manager does not give the secret ${arn} now (${name})`, {
      ...options,
      retryable: true,
      hint: "Check that its endpoint can be reached from here: over the internet, or by an interface endpoint of the VPC.",
    });
  }
  return new PiipeError("secrets.unusable", `AWS Secrets Manager refuses the secret ${arn} (${name})`, {
    ...options,
    hint: "Check the ARN, and that this AWS identity has secretsmanager:GetSecretValue on it, and kms:Decrypt where a key of yours encrypts it.",
  });
}
