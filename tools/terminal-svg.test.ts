import { describe, expect, it } from "vitest";
import { renderTerminal } from "./terminal-svg.mjs";

function texts(output: string): readonly (string | undefined)[] {
  const [, ...rest] = [...renderTerminal(output, "title").matchAll(/<text [^>]*>([^<]*)<\/text>/g)];
  return rest.map(([, text]) => text);
}

describe("a terminal's picture", () => {
  it("shows what stays on the screen", () => {
    expect(texts("one\r\n10 %\r\x1b[2K20 %\r\ntwo\n\n")).toEqual(["one", "20 %", "two"]);
    expect(texts("abc\rX")).toEqual(["Xbc"]);
  });

  it("puts each column at its own place", () => {
    const svg = renderTerminal("a b  c", "title");
    expect(texts("a b  c")).toEqual(["a b", "c"]);
    expect(svg).toContain('<text x="62.0" y="70" textLength="8.4">c</text>');
  });

  it("keeps colours", () => {
    expect(renderTerminal("\x1b[32m✓\x1b[39m \x1b[1mdone\x1b[22m", "title")).toMatch(
      /fill="#6bd596">✓<\/text>.*font-weight="700">done/,
    );
  });

  it("escapes what XML would read", () => {
    expect(texts('<a href="&">')).toEqual(["&lt;a href=&quot;&amp;&quot;&gt;"]);
  });

  it("refuses what it cannot draw", () => {
    expect(() => renderTerminal("\x1b[3A", "title")).toThrow("steered");
    expect(() => renderTerminal("\x1b[95m", "title")).toThrow("95");
  });
});
