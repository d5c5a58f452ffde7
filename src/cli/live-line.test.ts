import { expect, it } from "vitest";
import { LiveLine } from "./progress-bar.ts";

function screen() {
  let written = "";
  const line = new LiveLine((text) => void (written += text));
  /** What a terminal would show. */
  const lines = (): readonly string[] =>
    written.split("\n").map((text) => text.slice(text.lastIndexOf("\u001b[2K") + 1).replace(/^\[2K/, ""));
  return { line, lines, written: () => written };
}

it("keeps the line below what is written", () => {
  const { line, lines } = screen();
  line.write("one\n");
  line.show("50%");
  line.write("two\nthree\n");
  line.show("75%");
  line.write("four\n");
  expect(lines()).toEqual(["one", "two", "three", "four", "75%"]);
});

it("takes the line away, and leaves the cursor where it began", () => {
  const { line, lines } = screen();
  line.show("50%");
  line.show("");
  line.write("done\n");
  expect(lines()).toEqual(["done", ""]);
});

it("writes no control character while there is no line: stderr may be a file", () => {
  const { line, written } = screen();
  line.show("");
  line.write("plain\n");
  expect(written()).toBe("plain\n");
});
