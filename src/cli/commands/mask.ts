import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { openMask } from "../../app/open-mask.ts";
import { decoderOptionsOf } from "../../app/open-tables.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { compileDecoder } from "../../decode/compile-decoder.ts";
import { PiipeError } from "../../errors.ts";
import type { Column, Delivery, MaskedRow } from "../../pipeline/contracts.ts";
import { NewFields, ReceiptFindings } from "../../pipeline/findings.ts";
import { RefusalGuard } from "../../pipeline/refusal-judge.ts";
import { showRejection } from "../../pipeline/rejection-text.ts";
import { placesOf } from "../../pipeline/value-places.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { describeEvent } from "../../telemetry/log.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { counted } from "../output.ts";
import { readLines } from "../read-value.ts";
import type { Terminal } from "../terminal.ts";

/**
 * The dry run: decodes and masks as `run` would, and touches neither queue nor database. Without the table's real
 * columns, lengths and ranges are those of the declared types. A line is no message: it gets an id and the current time,
 * and NULL for a group or an attribute; a business id that is an attribute is not asked for. What a run would warn of is told
 * once, at the end.
 */
export async function maskCommand(
  options: { readonly config: string },
  { folder, environment, stdin, writeOut, writeError }: Terminal,
): Promise<ExitCode> {
  const config = withoutMessage(await loadConfig(resolve(folder, options.config), environment));
  for (const warning of config.warnings) writeError(`warning: ${warning}\n`);
  if (config.source.unwrap.includes("s3"))
    writeError("note: nothing is fetched from S3 here: give the objects' texts, not the pointers to them\n");
  const { mask } = await openMask(config, environment["PIIPE_KEYS"]);
  const { unwrap } = config.source;
  const wrappings = unwrap.filter((step) => step !== "s3");
  const targets = config.tables.map((table) => ({ ...table, bounds: new Map() }));
  const decode = compileDecoder(targets, decoderOptionsOf(config));
  const guard = new RefusalGuard(config.quarantine.haltAboveShare);
  const newFields = new NewFields();
  /** By what is warned of: of fields, the last tells how many there are. */
  const warnings = new Map<string, string>();
  let isBeyondLimit = false;
  let maskedLines = 0;
  let refused = 0;
  let number = 0;
  for await (const line of readLines(stdin)) {
    number += 1;
    if (line.trim() === "") continue;
    const decoded = decode(deliveryOf(line));
    const masked = decoded.ok ? mask(decoded.value) : decoded;
    isBeyondLimit = guard.count(!masked.ok) || isBeyondLimit;
    if (decoded.ok && masked.ok) {
      const findings = new ReceiptFindings();
      findings.add(decoded.value, masked.value);
      for (const event of findings.events(newFields)) {
        const { text } = describeEvent(event);
        warnings.set(event.type === "fields.unknown" ? event.type : text, text);
      }
    }
    if (masked.ok) {
      maskedLines += 1;
      for (const row of masked.value.rows) writeOut(`${JSON.stringify(shownRow(row, config))}\n`);
    } else {
      refused += 1;
      writeError(`line ${number}: ${showRejection(masked.error)}\n`);
    }
  }
  for (const warning of warnings.values()) writeError(`warning: ${warning}\n`);
  writeError(`masked ${counted(maskedLines, "line")}, refused ${refused}\n`);
  // Of a few lines some bad ones are nothing; a configuration that fits none of them is wrong.
  const isNoneMasked = refused > 0 && maskedLines === 0 && config.quarantine.haltAboveShare < 1;
  if (isBeyondLimit || guard.isBeyondLimitAtEnd || isNoneMasked) {
    throw new PiipeError("data.beyond-limit", `${refused} of ${maskedLines + refused} events were refused`, {
      hint:
        "Compare the columns of the configuration with the events." +
        (wrappings.length === 0
          ? ""
          : ` Each line must be a message's body as it is on the queue, wrapped as \`unwrap\` says (${wrappings.join(", ")}).`),
    });
  }
  return EXIT_CODES.done;
}

/** The columns with their values; below the table's name where there are several. */
function shownRow({ table: place, values }: MaskedRow, { tables }: Config): object {
  const table = tables[place];
  if (table === undefined) throw new TypeError("the row is of another configuration's table");
  const row = Object.fromEntries(table.columns.map(({ name }, index) => [name, values[index]]));
  return tables.length === 1 ? row : { [showTable(table.name)]: row };
}

/** What only a message has cannot be missing from a line. */
function withoutMessage(config: Config): Config {
  const isInLine = ({ origin }: Pick<Column, "origin">): boolean =>
    placesOf(origin).every(({ kind }) => kind === "field");
  const tables = config.tables.map((table) => ({
    ...table,
    columns: table.columns.map((column) => (isInLine(column) ? column : { ...column, nullable: true })),
  }));
  const { dedupeBy } = config;
  return { ...config, tables, dedupeBy: dedupeBy !== null && isInLine(dedupeBy) ? dedupeBy : null };
}

function deliveryOf(line: string): Delivery {
  const nowMs = Date.now();
  return {
    id: randomUUID(),
    attempt: 1,
    sentAtMs: nowMs,
    receivedAtMs: nowMs,
    groupId: null,
    body: line,
    bytes: Buffer.byteLength(line),
    attributes: new Map(),
  };
}
