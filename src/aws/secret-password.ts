import type { Login, LoginSource } from "../postgres/login-source.ts";
import { readSecret, unusableSecret } from "./read-secret.ts";

/**
 * The password in a secret, together with the user where the secret is JSON that has one: RDS's rotation by alternating users
 * changes both. Secrets Manager is asked once, and again only when the database refuses what it gave.
 */
export function secretPassword(arn: string): LoginSource {
  let known: Login | null = null;
  let reading: Promise<Login> | null = null;
  return {
    needsVerifiedServer: false,
    async login(_place, signal) {
      if (known !== null) return known;
      // Several connections that begin together wait for one answer.
      reading ??= readSecret(arn, "sink.postgres.password.secret", signal)
        .then((text) => (known = loginOf(text, arn)))
        .finally(() => (reading = null));
      return reading;
    },
    refused(login) {
      // Another connection may have got a fresh one meanwhile.
      if (login === known) known = null;
    },
  };
}

/** A text that is no JSON object is the password itself. */
function loginOf(text: string, arn: string): Login {
  const found = objectOf(text);
  if (found === null) return { password: text };
  const { username, password } = found;
  if (typeof password !== "string" || password === "") throw unusableSecret(arn, "is JSON without a password");
  return typeof username === "string" && username !== "" ? { user: username, password } : { password };
}

function objectOf(text: string): { readonly username?: unknown; readonly password?: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
