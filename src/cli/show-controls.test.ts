import { expect, test } from "vitest";
import { showControls } from "./show-controls.ts";

test.each([
  ["an escape sequence", "a\u001b[2Jb", "a\\u001b[2Jb"],
  ["a carriage return, which would hide the line", "real\rfake", "real\\u000dfake"],
  ["the other ways to begin a sequence", "\u009b31m\u007f\u0007", "\\u009b31m\\u007f\\u0007"],
  ["what is no control character", '{\n\t"näme": "😀"\n}', '{\n\t"näme": "😀"\n}'],
])("%s", (_, text, shown) => {
  expect(showControls(text)).toBe(shown);
});
