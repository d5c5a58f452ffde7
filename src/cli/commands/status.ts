import { resolve } from "node:path";
import { openObserver } from "../../app/open-observer.ts";
import type { Snapshot } from "../../app/snapshot.ts";
import { loadConfig } from "../../config/load-config.ts";
import { EXIT_CODES, type ExitCode, exitCodeOfErrorCode } from "../failure.ts";
import { charsMaxOf } from "../output.ts";
import { statusText } from "../status/status-text.ts";
import { type Terminal, styler } from "../terminal.ts";

export interface StatusOptions {
  readonly config: string;
  readonly json: boolean;
}

/** One look. That no worker runs is no failure: it may be meant so. */
export async function statusCommand({ config: file, json }: StatusOptions, terminal: Terminal): Promise<ExitCode> {
  const config = await loadConfig(resolve(terminal.folder, file), terminal.environment);
  const observer = openObserver(config, { credentials: null, ownWorkers: () => [] });
  let snapshot: Snapshot;
  try {
    snapshot = await observer.read(new AbortController().signal);
  } finally {
    await observer.close();
  }
  terminal.writeOut(
    json
      ? `${JSON.stringify(snapshot)}\n`
      : statusText(snapshot, styler(terminal.outIsTerminal, terminal.environment), charsMaxOf(terminal)),
  );
  const unread = [snapshot.depth, snapshot.workers, snapshot.quarantine].find(({ ok }) => !ok);
  return unread === undefined || unread.ok ? EXIT_CODES.done : exitCodeOfErrorCode(unread.error.code);
}
