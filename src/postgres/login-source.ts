import { readFile } from "node:fs/promises";
import { PiipeError } from "../errors.ts";

/** What a new connection shows to the server. */
export interface Login {
  /** Left out: the URL's. */
  readonly user?: string;
  readonly password: string;
}

/** Where a login is for. */
export interface LoginPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** Gives a login for each new connection, when passwords change while a worker runs. */
export interface LoginSource {
  /** What it gives must not be sent to whoever answers. */
  readonly needsVerifiedServer: boolean;
  /** @throws {PiipeError} when there is none; retryable when there may be one later */
  login(place: LoginPlace, signal: AbortSignal): Promise<Login>;
  /** The server has refused it: the next one must be a fresh one. */
  refused(login: Login): void;
}

/** A file that holds a password is far shorter: anything larger is another file. */
const FILE_BYTES_MAX = 65_536;

/** The password in a file, read anew each time: whatever renews it only writes the file. */
export function passwordFile(path: string): LoginSource {
  return {
    needsVerifiedServer: false,
    refused: () => {},
    async login(_place, signal) {
      const bytes = await readFile(path, { signal }).catch((cause: unknown) => {
        throw unusable(path, `cannot be read (${codeOf(cause)})`, cause);
      });
      // The end of the line is the editor's.
      const password = bytes.toString("utf8").replace(/\r?\n$/, "");
      if (password === "") throw unusable(path, "is empty");
      if (bytes.length > FILE_BYTES_MAX || /[\r\n\0]/.test(password))
        throw unusable(path, "holds more than a password");
      return { password };
    },
  };
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "unknown error";

const unusable = (path: string, why: string, cause?: unknown): PiipeError =>
  new PiipeError("database.credentials", `the password file ${path} ${why}`, {
    hint: "Let sink.postgres.password.file name a file that holds the password and nothing else, which piipe's user may read.",
    cause,
  });
