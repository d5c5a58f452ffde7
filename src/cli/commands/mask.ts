import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { openMask } from "../../app.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import type { Delivery } from "../../pipeline/contracts.ts";
import { compileDecoder } from "../../pipeline/decode/compile-decoder.ts";
import { RefusalGuard } from "../../pipeline/refusal-guard.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

/**
 * The dry run: decodes and masks as `run` would, and touches neither queue nor database. Without the table's real
 * columns, lengths and ranges are those of the declared types. A line has no message: its metadata are made up.
 */
export async function maskCommand(
  options: { readonly config: string },
  { folder, environment, stdin, writeOut, writeError }: Terminal,
): Promise<ExitCode> {
  const config = await loadConfig(resolve(folder, options.config), environment);
  for (const warning of config.warnings) writeError(`warning: ${warning}\n`);
  const { mask } = await openMask(config, environment["PIIPE_KEYS"]);
  const decode = compileDecoder(config.columns, new Map(), { unknownFields: config.unknownFields });
  const names = config.columns.map(({ name }) => name);
  const guard = new RefusalGuard(config.quarantine.haltAboveShare);
  let isBeyondLimit = false;
  let refused = 0;
  let number = 0;
  for await (const line of createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line.trim() === "") continue;
    const decoded = decode(deliveryOf(line, number));
    const masked = decoded.ok ? mask(decoded.value) : decoded;
    isBeyondLimit = guard.count(!masked.ok) || isBeyondLimit;
    if (masked.ok) {
      const { values } = masked.value;
      writeOut(`${JSON.stringify(Object.fromEntries(names.map((name, index) => [name, values[index]])))}\n`);
    } else {
      refused += 1;
      const { code, path } = masked.error;
      writeError(`line ${number}: ${code}${path === null ? "" : ` at ${path}`}\n`);
    }
  }
  if (isBeyondLimit) {
    throw new PiipeError("data.beyond-limit", `${refused} of ${number} lines were refused: run would halt`, {
      hint: "Compare the columns of the configuration with the events.",
    });
  }
  return EXIT_CODES.done;
}

function deliveryOf(line: string, number: number): Delivery {
  const nowMs = Date.now();
  return {
    id: `line-${number}`,
    attempt: 1,
    sentAtMs: nowMs,
    receivedAtMs: nowMs,
    groupId: null,
    body: line,
    bodyBytes: Buffer.byteLength(line),
    attributes: new Map(),
  };
}
