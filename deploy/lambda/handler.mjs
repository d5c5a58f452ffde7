/**
 * The function that template.yaml and piipe-function.ts deploy. What is secret comes from AWS Secrets Manager, once for each
 * environment: a JSON object with DATABASE_URL and PIIPE_KEYS.
 */
import { lambdaHandler } from "piipe/lambda";

const { PIIPE_SECRET_ARN } = process.env;
if (PIIPE_SECRET_ARN !== undefined) {
  // A part of Lambda's runtime, and not of the bundle.
  const { GetSecretValueCommand, SecretsManagerClient } = await import("@aws-sdk/client-secrets-manager");
  const { SecretString } = await new SecretsManagerClient().send(
    new GetSecretValueCommand({ SecretId: PIIPE_SECRET_ARN }),
  );
  const { DATABASE_URL, PIIPE_KEYS } = JSON.parse(SecretString);
  Object.assign(process.env, { DATABASE_URL, PIIPE_KEYS });
}

export const handler = lambdaHandler({ config: new URL("./piipe.yaml", import.meta.url) });
