import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SAMPLE_CONFIG_FILE } from "../embedded/sample-events.ts";
import type { NewKeys } from "../keys/new-keyring.ts";

/** What other commands need to look at the demo's pipeline, in a folder of their own. Paths are relative to where it stands. */
export interface DemoFiles {
  readonly shownFolder: string;
  readonly config: string;
  readonly privateFile: string;
  /** Safe twice. */
  readonly remove: () => Promise<void>;
}

const FOLDER = "piipe-demo";
/** Another demo may serve from here, or one was killed before it could clear away. */
const FOLDERS_MAX = 20;

/**
 * Writes the demo's configuration and keys, for nobody else to read: they open the demo's own data, as long as it serves.
 * @returns null where nothing can be written
 */
export async function leaveDemoFiles(
  parent: string,
  {
    postgres,
    sqs,
  }: {
    readonly postgres: { readonly url: string };
    readonly sqs: { readonly endpoint: string; readonly region: string };
  },
  { keyring, privateKey }: NewKeys,
): Promise<DemoFiles | null> {
  const shownFolder = await makeFolder(parent);
  if (shownFolder === null) return null;
  const folder = join(parent, shownFolder);
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text, { mode: 0o600 });
  const settings: Readonly<Record<string, string>> = {
    DATABASE_URL: postgres.url,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_REGION: sqs.region,
  };
  const sample = await readFile(SAMPLE_CONFIG_FILE, "utf8");
  const config = sample
    .slice(sample.indexOf("source:"))
    .replace(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, fallback: string) => settings[name] ?? fallback);
  await write(
    "piipe.yaml",
    `# The demo's own pipeline. It is gone when the demo ends, and this folder with it.\n${config}`,
  );
  await write("piipe.keys.json", keyring);
  await write("piipe.private.json", privateKey);
  return {
    shownFolder,
    config: `${shownFolder}/piipe.yaml`,
    privateFile: `${shownFolder}/piipe.private.json`,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function makeFolder(parent: string): Promise<string | null> {
  for (let number = 1; number <= FOLDERS_MAX; number += 1) {
    const name = number === 1 ? FOLDER : `${FOLDER}-${number}`;
    try {
      await mkdir(join(parent, name), { mode: 0o700 });
      return name;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return null;
    }
  }
  return null;
}
