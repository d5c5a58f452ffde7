import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Secret } from "../config/secret.ts";
import { openPool } from "../postgres/connection.ts";
import { iamToken } from "./iam-token.ts";

const NEVER = new AbortController().signal;
const PLACE = { host: "events.cluster-abc.eu-central-1.rds.amazonaws.com", port: 5432, user: "piipe" };

beforeEach(() => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  vi.stubEnv("AWS_REGION", "us-west-1");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

// The form: "IAM database authentication" of the RDS user guide.
it("signs a token for the database's own region and user, for each connection", async () => {
  const source = iamToken();
  const { user, password } = await source.login(PLACE, NEVER);
  expect(user).toBeUndefined();
  const token = new URL(`https://${password}`);
  expect(token.host).toBe(`${PLACE.host}:5432`);
  expect(Object.fromEntries(token.searchParams)).toMatchObject({
    Action: "connect",
    DBUser: "piipe",
    "X-Amz-Expires": "900",
    "X-Amz-Credential": expect.stringMatching(/^AKIDEXAMPLE\/\d{8}\/eu-central-1\/rds-db\/aws4_request$/),
  });
  const other = await source.login({ ...PLACE, host: "db.internal" }, NEVER);
  expect(other.password).toContain("%2Fus-west-1%2Frds-db%2F");
});

it("says that there are no credentials to sign with", async () => {
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, undefined);
  vi.stubEnv("HOME", "/nonexistent");
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  await expect(iamToken().login(PLACE, NEVER)).rejects.toMatchObject({
    code: "queue.credentials",
    message:
      "there are no AWS credentials that are accepted, while signing in to PostgreSQL (CredentialsProviderError)",
  });
});

it.each([
  "postgres://u@h/db",
  "postgres://u@h/db?sslmode=disable",
  "postgres://u@h/db?sslmode=no-verify",
  "postgres://u@h/db?sslmode=require&uselibpqcompat=true",
])("gives no token to whoever answers at %s", (url) => {
  expect(() => openPool({ url: new Secret(url), login: iamToken(), connectionsMax: 1 })).toThrow(
    expect.objectContaining({ code: "config.invalid", hint: expect.stringContaining("sslmode=verify-full") }),
  );
});

it.each(["verify-full", "require"])("takes a connection whose server is verified (%s)", async (mode) => {
  const url = new Secret(`postgres://u@h/db?sslmode=${mode}`);
  const pool = openPool({ url, login: iamToken(), connectionsMax: 1 });
  expect(pool.place.user).toBe("u");
  await pool.close();
});
