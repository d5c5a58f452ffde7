// An ambient declaration cannot be imported, and other projects compile this file too.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./pgpass.d.ts" />
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import helper from "pgpass/lib/helper.js";

/** Whose password is looked for. */
export interface PasswordPlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/**
 * The password that libpq would find in its password file, or null. As there, a file that others than its owner may read is
 * left alone. pg would look as well, and says on stderr that it will no longer do so.
 * @param path null: PGPASSFILE, else `.pgpass` in the home folder
 */
export async function passwordOfFile(place: PasswordPlace, path: string | null): Promise<string | null> {
  // What it warns of would stand in the middle of a log: the failure to connect tells it.
  helper.warnTo(null);
  const file = path ?? helper.getFileName();
  const stats = await stat(file).catch(() => null);
  if (stats === null || !helper.usePgPass(stats, file)) return null;
  return new Promise((resolve) => {
    helper.getPassword(place, createReadStream(file), (password) => resolve(password ?? null));
  });
}
