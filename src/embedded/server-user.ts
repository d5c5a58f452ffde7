import { readFile } from "node:fs/promises";
import { PiipeError } from "../errors.ts";

export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** In order of preference; `_postgres` is macOS's name for it. */
const UNPRIVILEGED_USERS = ["postgres", "_postgres", "nobody"] as const;

/**
 * The user that a local PostgreSQL must run as: null when the present one will do, another when it is root, for whom
 * PostgreSQL refuses to start.
 */
export async function findServerUser(): Promise<ServerUser | null> {
  if (process.getuid?.() !== 0) return null;
  const passwd = await readFile("/etc/passwd", "utf8").catch(() => "");
  const user = pickServerUser(passwd);
  if (user !== null) return user;
  throw new PiipeError(
    "embedded.failed",
    `PostgreSQL does not run as root, and this machine has none of the users ${UNPRIVILEGED_USERS.join(", ")}`,
    { hint: "Run piipe as an ordinary user, or point it at your own PostgreSQL with `piipe run`." },
  );
}

/** Reads the text of /etc/passwd (passwd(5)): name, password, uid, gid, … separated by colons. */
export function pickServerUser(passwd: string): ServerUser | null {
  const entries = passwd.split("\n").map((line) => line.split(":"));
  for (const name of UNPRIVILEGED_USERS) {
    const entry = entries.find(([entryName]) => entryName === name);
    const uid = Number.parseInt(entry?.[2] ?? "", 10);
    const gid = Number.parseInt(entry?.[3] ?? "", 10);
    if (uid > 0 && gid > 0) return { uid, gid };
  }
  return null;
}
