import { counted } from "../counted.ts";
import { styler, type Terminal } from "../terminal.ts";
import type { Finding } from "./findings.ts";

/** The longest subject. */
const SUBJECT_CHARS = 13;
const INDENT = " ".repeat("✓ ".length + SUBJECT_CHARS + 1);

/** One part of a check: each finding with its mark, and its remedy on the lines below. */
export function printFindings(findings: readonly Finding[], terminal: Terminal): void {
  const style = styler(terminal.outIsTerminal, terminal.environment);
  const marks = {
    ok: style("green", "✓"),
    skipped: style("dim", "-"),
    warning: style("yellow", "!"),
    error: style("red", "✗"),
  };
  for (const { subject, level, text, code, hint } of findings) {
    const aligned = text.replaceAll("\n", `\n${INDENT}`);
    const shownCode = code === null ? "" : ` ${style("dim", `[${code}]`)}`;
    terminal.writeOut(`${marks[level]} ${subject.padEnd(SUBJECT_CHARS)} ${aligned}${shownCode}\n`);
    if (hint) terminal.writeOut(`${INDENT}→ ${hint.replaceAll("\n", `\n${INDENT}  `)}\n`);
  }
  terminal.writeOut("\n");
}

/** The last line: `2 warnings, 1 error`. */
export function printSummary(findings: readonly Finding[], terminal: Terminal): void {
  const style = styler(terminal.outIsTerminal, terminal.environment);
  const count = (level: Finding["level"]): number => findings.filter((finding) => finding.level === level).length;
  const [warnings, errors] = [count("warning"), count("error")];
  const parts = [
    ...(warnings > 0 ? [style("yellow", counted(warnings, "warning"))] : []),
    ...(errors > 0 ? [style("red", counted(errors, "error"))] : []),
  ];
  terminal.writeOut(`${parts.length > 0 ? parts.join(", ") : style("green", "all is well")}\n`);
}
