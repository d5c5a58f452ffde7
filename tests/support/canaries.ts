import { createHash, randomBytes } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Raw values that must be nowhere, and every form in which they could be somewhere all the same. */
export class Canaries {
  /** Begins every text canary, so that one search finds all of them. Hex, which no normalisation changes. */
  readonly marker = `ca7a${randomBytes(8).toString("hex")}`;
  readonly #values: string[] = [];
  /** Values whose bare SHA-256 is stored on purpose (`mask: sha256`). */
  readonly #hashed = new Set<string>();

  /** A text that no other canary equals. */
  text(): string {
    return this.note(`${this.marker}-${randomBytes(4).toString("hex")}`);
  }

  note(value: string): string {
    this.#values.push(value);
    return value;
  }

  /** One whose bare SHA-256 may be found. */
  noteHashed(value: string): string {
    this.#hashed.add(value);
    return this.note(value);
  }

  /** What was found, as `form of canary n`; never the value. */
  find(bytes: Buffer): readonly string[] {
    return this.#search()(bytes);
  }

  /** The same for all files below a folder, with their names. */
  async findInFolder(folder: string): Promise<readonly string[]> {
    const search = this.#search();
    const hits: string[] = [];
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((each) => each.isFile())) {
      const found = search(await readWhole(join(entry.parentPath, entry.name)));
      hits.push(...found.map((hit) => `${entry.name}: ${hit}`));
    }
    return hits;
  }

  #search(): (bytes: Buffer) => readonly string[] {
    const texts = this.#values.filter((value) => !value.startsWith(this.marker));
    const needles = [this.marker, ...texts].flatMap((value, index) => formsOf(value).map(named(index)));
    const digests = new Map(
      this.#values.flatMap((value, index) => (this.#hashed.has(value) ? [] : [[bareSha256(value), index] as const])),
    );
    return (bytes) => {
      const hits = needles.filter(([, needle]) => bytes.includes(needle)).map(([name]) => name);
      for (const digest of hexDigests(bytes)) {
        const index = digests.get(digest);
        if (index !== undefined) hits.push(`bare SHA-256 of canary ${index}`);
      }
      return hits;
    };
  }
}

const named =
  (index: number) =>
  ([form, text]: readonly [string, string]): readonly [string, Buffer] => [
    `${form} of canary ${index}`,
    Buffer.from(text),
  ];

function formsOf(value: string): ReadonlyArray<readonly [form: string, text: string]> {
  const bytes = Buffer.from(value);
  const hex = bytes.toString("hex");
  const encoded = encodeURIComponent(value);
  return [
    ["plain text", value],
    ["hex", hex],
    ["hex in capitals", hex.toUpperCase()],
    ...(encoded === value ? [] : ([["URL encoding", encoded]] as const)),
    ...[0, 1, 2].map((offset) => [`base64 at ${offset}`, base64Core(bytes, offset)] as const),
    ...[0, 1, 2].map((offset) => [`base64url at ${offset}`, toUrlAlphabet(base64Core(bytes, offset))] as const),
  ];
}

/** What base64 of anything that holds the bytes at such an offset (modulo 3) has in it, without its edges. */
function base64Core(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  return text.slice(4, Math.floor((offset + bytes.length) / 3) * 4);
}

const toUrlAlphabet = (text: string): string => text.replaceAll("+", "-").replaceAll("/", "_");

const bareSha256 = (value: string): string => createHash("sha256").update(value).digest("hex");

/** Everything that may be a SHA-256 in hex, in whatever case. */
function* hexDigests(bytes: Buffer): Generator<string> {
  for (const [run] of bytes.toString("latin1").matchAll(/[0-9a-f]{64,}/gi)) {
    for (let start = 0; start + 64 <= run.length; start += 1) yield run.slice(start, start + 64).toLowerCase();
  }
}

/** A running server changes its files: what a file had when it was opened is read. */
async function readWhole(path: string): Promise<Buffer> {
  const handle = await open(path).catch(() => null);
  if (handle === null) return Buffer.alloc(0);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
