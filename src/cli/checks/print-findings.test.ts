import { expect, it } from "vitest";
import { scriptedTerminal } from "../../../tests/support/scripted-terminal.ts";
import { PiipeError } from "../../errors.ts";
import { type Finding, failure, ok, printFindings, printSummary, skipped, warning } from "./findings.ts";

const FINDINGS = [
  ok("configuration", "two lines\nof text"),
  warning("tls", "a warning", "One remedy.\nAnother one."),
  warning("configuration", "nothing to do about it", null),
  failure("queue", new PiipeError("queue.denied", "an error", { hint: "Mend it." })),
];

function printed(findings: readonly Finding[], isTerminal: boolean): string {
  const answers = isTerminal ? { secret: null, confirm: null } : null;
  const { terminal, output } = scriptedTerminal({ folder: "/", environment: {} }, answers);
  printFindings(findings, terminal);
  printSummary(findings, terminal);
  return output.out;
}

it("aligns the texts, puts remedies below, and counts at the end", () => {
  expect(printed(FINDINGS, false)).toBe(`\
✓ configuration two lines
                of text
! tls           a warning
                → One remedy.
                  Another one.
! configuration nothing to do about it
✗ queue         an error [queue.denied]
                → Mend it.

2 warnings, 1 error
`);
});

it("names only the levels that there are", () => {
  expect(printed(FINDINGS.slice(0, 1), false)).toMatch(/\n\nall is well\n$/);
  expect(printed(FINDINGS.slice(3), false)).toMatch(/\n\n1 error\n$/);
});

it("marks what could not be looked at as neither well nor wrong", () => {
  expect(printed([skipped("columns", "not looked at")], false)).toBe("- columns       not looked at\n\nall is well\n");
});

it("has colour on a terminal alone", () => {
  expect(printed(FINDINGS, true)).toContain("\u001B[31m✗\u001B[39m queue");
});
