import { iamToken } from "../aws/iam-token.ts";
import { secretPassword } from "../aws/secret-password.ts";
import type { PasswordConfig } from "../config/config.ts";
import { type LoginSource, passwordFile } from "../postgres/login-source.ts";

/** null: the login is the URL's, or what libpq would take. Nothing of AWS is loaded before a connection needs it. */
export function databaseLogin(password: PasswordConfig | null): LoginSource | null {
  switch (password?.kind) {
    case "file":
      return passwordFile(password.path);
    case "secret":
      return secretPassword(password.arn);
    case "iam":
      return iamToken();
    default:
      return null;
  }
}
