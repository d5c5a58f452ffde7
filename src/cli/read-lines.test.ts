import { describe, expect, it } from "vitest";
import { readLines } from "./read-value.ts";

async function linesOf(...chunks: readonly (Uint8Array | string)[]): Promise<string[]> {
  async function* input(): AsyncGenerator<Uint8Array | string> {
    yield* chunks;
  }
  const lines: string[] = [];
  for await (const line of readLines(input())) lines.push(line);
  return lines;
}

describe("readLines", () => {
  it("ends lines at LF and CRLF alone", async () => {
    expect(await linesOf("a\nb\r\nc\rd\u2028e\u2029f\n\ng")).toEqual(["a", "b", "c\rd\u2028e\u2029f", "", "g"]);
  });

  it("leaves out the mark that some editors begin a file with", async () => {
    expect(await linesOf("\ufeffa\n\ufeffb\n")).toEqual(["a", "b"]);
    expect(await linesOf(Buffer.from("\ufeffa"))).toEqual(["a"]);
  });

  it("puts characters together that a chunk cuts in two", async () => {
    const bytes = Buffer.from("é😀\nü");
    expect(await linesOf(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(["é😀", "ü"]);
  });

  it("does not keep a line without an end in memory", async () => {
    const lines = await linesOf(...Array.from({ length: 9 }, () => "x".repeat(1024 * 1024)));
    expect(lines.map((line) => line.length)).toEqual([5 * 1024 * 1024, 4 * 1024 * 1024]);
  });
});
