/**
 * The function that template.yaml and the construct of cdk/ deploy. What is secret comes from AWS Secrets Manager, once for each
 * environment: the whole text of each secret.
 */
import { lambdaHandler } from "piipe/lambda";

const { DATABASE_URL_SECRET_ARN, PIIPE_KEYS_SECRET_ARN } = process.env;
if (DATABASE_URL_SECRET_ARN !== undefined) process.env.DATABASE_URL = await secretText(DATABASE_URL_SECRET_ARN);
if (PIIPE_KEYS_SECRET_ARN !== undefined) process.env.PIIPE_KEYS = await secretText(PIIPE_KEYS_SECRET_ARN);

export const handler = lambdaHandler({ config: new URL("./piipe.yaml", import.meta.url) });

/** @param {string} SecretId */
async function secretText(SecretId) {
  // A part of Lambda's runtime, and not of the bundle.
  const { GetSecretValueCommand, SecretsManagerClient } = await import("@aws-sdk/client-secrets-manager");
  const { SecretString } = await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId }));
  return SecretString;
}
