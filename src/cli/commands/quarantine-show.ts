import { resolve } from "node:path";
import { findEntry, openEntry } from "../../app/open-entry.ts";
import { PiipeError } from "../../errors.ts";
import { loadPrivateKey } from "../../keys/keyring-file.ts";
import { REJECTION_CODES } from "../../pipeline/contracts.ts";
import { remedyOf } from "../../pipeline/rejection-remedies.ts";
import type { QuarantineEntry } from "../../storage/quarantine/quarantine.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { operatorName } from "../operator-name.ts";
import { withQuarantine } from "../quarantine-choice.ts";
import { type Terminal, showControls } from "../terminal.ts";

export interface QuarantineShowOptions {
  readonly config: string;
  readonly id: string;
  /** Prints the body as well, which is raw. */
  readonly open: boolean;
  readonly privateFile: string;
  readonly reason: string | null;
  readonly json: boolean;
}

export async function quarantineShowCommand(options: QuarantineShowOptions, terminal: Terminal): Promise<ExitCode> {
  const reason = options.reason?.trim() ?? "";
  if (options.open && reason === "") {
    throw new PiipeError("usage.invalid", "opening an event needs a reason", {
      hint: 'Add --reason "why it must be read": it is noted in piipe.audit with your name.',
    });
  }
  if (!options.open && options.reason !== null) {
    throw new PiipeError("usage.invalid", "--reason is for --open, which was not given", {
      hint: "Add --open to see the event itself.",
    });
  }
  const privateKey = options.open ? await loadPrivateKey(resolve(terminal.folder, options.privateFile)) : null;
  return withQuarantine(options.config, terminal, async (quarantine) => {
    const entry = await findEntry(quarantine, options.id);
    const audit = { operator: operatorName(), reason };
    const opened = privateKey === null ? null : await openEntry(quarantine, entry, privateKey, audit);
    if (options.json) {
      const raw = opened && {
        body: opened.body,
        groupId: opened.groupId,
        attributes: Object.fromEntries(opened.attributes),
      };
      terminal.writeOut(`${JSON.stringify({ ...entry, remedy: remedyOf(entry.code), ...raw })}\n`);
    } else if (opened === null) {
      terminal.writeOut(describe(entry));
    } else {
      // Apart from the body, so that it can be piped on.
      terminal.writeError(describe(entry));
      terminal.writeOut(terminal.outIsTerminal ? `${showControls(opened.body)}\n` : opened.body);
    }
    return EXIT_CODES.done;
  });
}

function describe(entry: QuarantineEntry): string {
  const { id, queue, code, path, detail, sentAt, firstSeen, lastSeen, attempts, state, settledAt } = entry;
  const meanings: Readonly<Record<string, string>> = REJECTION_CODES;
  const lines: ReadonlyArray<readonly [string, string | null]> = [
    ["id", id],
    ["queue", queue],
    ["state", settledAt === null ? state : `${state} at ${settledAt}`],
    ["reason", Object.hasOwn(meanings, code) ? `${code}: ${meanings[code]}` : code],
    ["path", path],
    ["detail", detail],
    ["sent", sentAt],
    ["first seen", firstSeen],
    ["last seen", lastSeen],
    ["attempts", String(attempts)],
    ["to do", state === "pending" ? remedyOf(code) : null],
  ];
  return lines.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(10)}  ${text}\n`])).join("");
}
