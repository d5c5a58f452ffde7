import { expect, test } from "vitest";
import { scriptedTerminal } from "../../tests/support/scripted-terminal.ts";
import { showControls, styler, withShownControls } from "./terminal.ts";

test.each([
  ["an escape sequence", "a\u001b[2Jb", "a\\u001b[2Jb"],
  ["a carriage return, which would hide the line", "real\rfake", "real\\u000dfake"],
  ["the other ways to begin a sequence", "\u009b31m\u007f\u0007", "\\u009b31m\\u007f\\u0007"],
  ["a text that would turn the line around", "a\u202eb\u2066", "a\\u202eb\\u2066"],
  ["what is no control character", '{\n\t"näme": "😀"\n}', '{\n\t"näme": "😀"\n}'],
])("%s", (_, text, shown) => {
  expect(showControls(text)).toBe(shown);
});

const HOSTILE = "\u001b[31mred\u001b[39m \u001b]0;title\u0007 \u001b[8m \u009b2J";
const SHOWN = "\\u001b[31mred\\u001b[39m \\u001b]0;title\\u0007 \\u001b[8m \\u009b2J";

test("at a terminal nothing is obeyed but piipe's own styles, in data, errors, progress and questions", async () => {
  const { terminal, output } = scriptedTerminal(
    { folder: "/", environment: {} },
    { secret: null, confirm: null, texts: { [`which ${SHOWN}?`]: "this" } },
  );
  const lines: string[] = [];
  const safe = withShownControls({ ...terminal, showLine: (line) => lines.push(line) });
  const style = styler(true, {});
  safe.writeOut(`${style(["red", "bold"], HOSTILE)} ${HOSTILE}\n`);
  safe.writeError(`${style("dim", "dim")} ${HOSTILE}\n`);
  safe.showLine(`${style("cyan", "█")} ${HOSTILE}`);
  expect(output.out).toBe(`\u001b[31m\u001b[1m${SHOWN}\u001b[22m\u001b[39m ${SHOWN}\n`);
  expect(output.error).toBe(`\u001b[2mdim\u001b[22m ${SHOWN}\n`);
  expect(lines).toEqual([`\u001b[36m█\u001b[39m ${SHOWN}`]);
  expect(await safe.ask?.text(`which ${HOSTILE}?`)).toBe("this");
});

test("data for a pipe is as it is; what is for people is not obeyed there either, should they look at it", () => {
  const { terminal, output } = scriptedTerminal({ folder: "/", environment: {} }, null);
  const safe = withShownControls(terminal);
  safe.writeOut(HOSTILE);
  safe.writeError(HOSTILE);
  expect(output).toEqual({ out: HOSTILE, error: SHOWN });
});
