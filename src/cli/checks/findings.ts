import { type ErrorCode, PiipeError } from "../../errors.ts";
import { reportOf } from "../../telemetry/error-report.ts";
import { counted } from "../output.ts";
import { type Terminal, styler } from "../terminal.ts";

/** What a check found about one subject. */
export interface Finding {
  readonly subject: string;
  /** `skipped`: what failed before kept it from being looked at. */
  readonly level: "ok" | "skipped" | "warning" | "error";
  readonly text: string;
  /** Of an error. */
  readonly code: ErrorCode | null;
  /** What to do about it. */
  readonly hint: string | null;
}

export const ok = (subject: string, text: string): Finding => ({ subject, level: "ok", text, code: null, hint: null });

export const skipped = (subject: string, text: string): Finding => ({
  subject,
  level: "skipped",
  text,
  code: null,
  hint: null,
});

export const warning = (subject: string, text: string, hint: string | null): Finding => ({
  subject,
  level: "warning",
  text,
  code: null,
  hint,
});

export function failure(subject: string, error: PiipeError): Finding {
  const { message, hint } = reportOf(error);
  return { subject, level: "error", text: message, code: error.code, hint };
}

/** Collects what the looks of one part of a check found. Those after a failed one go on where they do not need it. */
export class Findings {
  readonly list: Finding[] = [];

  add(...found: readonly Finding[]): void {
    this.list.push(...found);
  }

  /** Null when the look failed, which is noted then. */
  async attempt<T>(subject: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      this.add(failure(subject, error));
      return null;
    }
  }

  /** As `attempt`, and notes what a look that went well has seen. */
  async look<T>(subject: string, work: () => Promise<{ readonly text: string; readonly value: T }>): Promise<T | null> {
    const seen = await this.attempt(subject, work);
    if (seen === null) return null;
    this.add(ok(subject, seen.text));
    return seen.value;
  }

  hasError(code: ErrorCode): boolean {
    return this.list.some((finding) => finding.code === code);
  }
}

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
