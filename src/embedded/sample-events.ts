import { readFile } from "node:fs/promises";

/** The folder of the sample: events.json, piipe.yaml, and the SQL of the table. */
const FOLDER = new URL("../../examples/logins/", import.meta.url);

export const SAMPLE_CONFIG_FILE = new URL("piipe.yaml", FOLDER);
/** Makes the table `user_logins` as the original script's database has it. */
export const SAMPLE_TABLE_FILE = new URL("user-logins.sql", FOLDER);

/** The bodies of the 100 sample events, in order: one of them is of the wrong type. */
export async function readSampleEvents(): Promise<readonly string[]> {
  const events = JSON.parse(await readFile(new URL("events.json", FOLDER), "utf8")) as readonly unknown[];
  return events.map((event) => JSON.stringify(event));
}
