import { Readable, pipeline } from "node:stream";
import { createGunzip } from "node:zlib";

/** By which gzip is known (RFC 1952 section 2.3.1): a file's name may say anything. */
const GZIP_MAGIC = [0x1f, 0x8b];
const CHUNK_BYTES = 256 * 1024;

/** The bytes of a stream, unpacked when they are gzip. What is damaged throws zlib's error when its place is reached. */
export async function* unpacked(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Buffer> {
  const chunks = buffersOf(input);
  let first = Buffer.alloc(0);
  while (first.length < GZIP_MAGIC.length) {
    const next = await chunks.next();
    if (next.done === true) break;
    first = Buffer.concat([first, next.value]);
  }
  const all = joined(first, chunks);
  if (!GZIP_MAGIC.every((byte, index) => first[index] === byte)) yield* all;
  // Ended by its reader, `pipeline` ends the input as well.
  else yield* pipeline(Readable.from(all), createGunzip({ chunkSize: CHUNK_BYTES }), () => {});
}

async function* buffersOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Buffer, void> {
  for await (const chunk of input) {
    yield typeof chunk === "string"
      ? Buffer.from(chunk)
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

async function* joined(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  yield* rest;
}
