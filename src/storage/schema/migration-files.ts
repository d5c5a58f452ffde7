import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";

export interface Migration {
  readonly number: number;
  /** The file's name. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, in lower-case hex. */
  readonly checksum: string;
}

/** As far up from src/storage/schema as from dist/storage/schema. */
const SQL_FOLDER = new URL("../../../sql/", import.meta.url);

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** The migrations that this version of piipe knows, in order. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const names = (await readdir(SQL_FOLDER)).filter((name) => FILE_NAME.test(name)).toSorted();
  return Promise.all(
    names.map(async (name) => {
      // A checkout on Windows may have turned the line ends; the migration is the same.
      const sql = (await readFile(new URL(name, SQL_FOLDER), "utf8")).replaceAll("\r\n", "\n");
      return { number: Number(name.slice(0, 4)), name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}
