import { VERSIONLESS_MASKS } from "../config/column-schema.ts";
import { renderPath } from "../config/value-path.ts";
import type { UnwrapStep } from "../pipeline/contracts.ts";
import type { LeftOut } from "./column-for.ts";
import type { InferredColumn, InferredMask } from "./column-of.ts";
import type { Inference } from "./infer-columns.ts";

export interface RenderedSettings {
  readonly queue: string;
  /** null: left to the AWS configuration. */
  readonly region: string | null;
  readonly endpoint: string | null;
  /** What the bodies are wrapped in, outermost first. */
  readonly unwrap: readonly UnwrapStep[];
  readonly table: string;
  /** Relative to the file that is to be written, as `schemaFile`. */
  readonly keysFile: string;
  /** The keyring's primary version; null: it has none yet. */
  readonly keyVersion: number | null;
  /** The JSON Schema for editors; null: there is none. */
  readonly schemaFile: string | null;
}

/** Room for a comment, beside what oxfmt and people are used to. */
const COMMENT_CHARS = 112;

/**
 * The text of a `piipe.yaml` with comments: why each mask, and what to look at. It names fields and columns, and holds no
 * value of an event.
 * @param origin what was looked at, such as `100 messages of the queue`
 */
export function renderConfig(settings: RenderedSettings, inference: Inference, origin: string): string {
  const { queue, region, endpoint, unwrap, table, keysFile, keyVersion, schemaFile } = settings;
  return [
    schemaFile === null
      ? "# piipe schema > piipe.schema.json lets an editor complete and check this file"
      : `# yaml-language-server: $schema=${schemaFile}`,
    "",
    ...comment(
      `Made by \`piipe init\` from ${origin}. Read every column before the first run: what is stored as it is and what may be ` +
        "missing was inferred from these events alone. docs/configuration.md explains every setting, docs/masking.md the masks.",
    ),
    "source:",
    "  sqs:",
    `    queue: ${scalar(queue)}`,
    ...(region === null ? [] : [`    region: ${scalar(region)}`]),
    ...(endpoint === null ? [] : [`    endpoint: ${scalar(endpoint)}`]),
    ...(unwrap.length === 0 ? [] : [`  unwrap: [${unwrap.join(", ")}]`]),
    "sink:",
    "  postgres:",
    "    url: ${DATABASE_URL} # from the environment: the password does not belong into this file",
    `    table: ${scalar(table)}`,
    "keys:",
    `  file: ${scalar(keysFile)} # secret: keep it out of version control`,
    "columns:",
    ...renderColumns(inference.columns, keyVersion),
    ...leftOutLines(inference.leftOut),
    "unknownFields: ignore # a field that no column names is not stored; quarantine: its event is refused",
    ...eventIdLines(inference.eventId),
    ...conflictLines(inference.conflict),
    "",
  ].join("\n");
}

/** The lines of the columns, as they stand below `columns:`. */
export const renderColumns = (columns: readonly InferredColumn[], keyVersion: number | null): readonly string[] =>
  columns.flatMap((column) => columnLines(column, keyVersion));

function columnLines(column: InferredColumn, keyVersion: number | null): readonly string[] {
  const { name, from, type, mask, masks = [], reasons, notes } = column;
  const settings = [
    ...(from === renderPath([name]) ? [] : [`from: ${scalar(from)}`]),
    `type: ${scalar(type)}`,
    ...(column.format === undefined ? [] : [`format: ${column.format}`]),
    ...(column.zone === undefined ? [] : [`zone: ${column.zone}`]),
    ...(column.coerce === undefined ? [] : ["coerce: true"]),
    ...(column.cut === undefined ? [] : ["cut: true"]),
    ...(mask === null ? [] : [`mask: ${mask}`]),
    ...(column.key === undefined ? [] : [`key: ${scalar(column.key)}`]),
    // Their tokens do not show it, so that a later key version could not take the column over.
    ...(mask !== null && keyVersion !== null && VERSIONLESS_MASKS.includes(mask) ? [`keyVersion: ${keyVersion}`] : []),
    ...(column.echo === undefined ? [] : [`echo: ${column.echo}`]),
    ...(column.absent === undefined ? [] : [`absent: ${column.absent}`]),
    ...(column.nullable ? ["nullable: true"] : []),
  ];
  return [
    ...(reasons.length === 0 ? [] : comment(`masked: ${reasons.join("; ")}`, "  ")),
    ...notes.flatMap((note) => comment(note, "  ")),
    ...(masks.length === 0
      ? [`  ${scalar(name)}: { ${settings.join(", ")} }`]
      : [`  ${scalar(name)}:`, ...settings.map((setting) => `    ${setting}`), "    masks:", ...masks.map(maskLine)]),
  ];
}

function maskLine({ path, type, mask, key }: InferredMask): string {
  const isShort = type === "text" && key === undefined;
  const named = key === undefined ? "" : `, key: ${scalar(key)}`;
  return `      ${scalar(path)}: ${isShort ? mask : `{ type: ${type}, mask: ${mask}${named} }`}`;
}

function eventIdLines(eventId: Inference["eventId"]): readonly string[] {
  if (eventId === null) return [];
  return [
    ...comment(
      `${scalar(eventId.from)} looks like the event's own id. With this line, an event that is sent again within 16 days makes ` +
        "no second row (docs/message-life.md):",
    ),
    `# dedupeBy: ${scalar(eventId.from)}`,
  ];
}

function conflictLines(conflict: Inference["conflict"]): readonly string[] {
  if (conflict === undefined) return [];
  const { key, newest } = conflict;
  const does =
    newest === null
      ? "the stored row stays instead (do: update overwrites it)"
      : `it overwrites the stored row instead, when ${scalar(newest)} is later`;
  return [
    ...comment(
      `${scalar(key)} is unique in the table: an event with one that is there is refused. With this line ${does} ` +
        "(docs/configuration.md):",
    ),
    `# onConflict: { key: ${scalar(key)}, do: ${newest === null ? "ignore" : `update, newest: ${scalar(newest)}`} }`,
  ];
}

function leftOutLines(leftOut: readonly LeftOut[]): readonly string[] {
  if (leftOut.length === 0) return [];
  return [LEFT_OUT, ...leftOut.flatMap((left) => comment(`- ${showLeftOut(left)}`, "  "))];
}

const LEFT_OUT = "  # Left out:";
const ENTRY = "  # - ";

/** Takes out the comments that say of these fields or columns that they are left out; every other line stays as it is. */
export function withoutLeftOut(text: string, columns: readonly InferredColumn[]): string {
  const subjects = columns.flatMap(({ name, from }) => [`- field ${scalar(from)} `, `- column ${scalar(name)} `]);
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.trimEnd() === LEFT_OUT);
  if (start === -1) return text;
  const kept: string[] = [];
  let end = start + 1;
  while (lines[end]?.startsWith(ENTRY) === true) {
    const first = end;
    do end += 1;
    while (isWrapped(lines[end - 1], lines[end]));
    const entry = lines.slice(first, end);
    const said = entry.map((line) => line.slice("  # ".length).trim()).join(" ");
    if (!subjects.some((subject) => said.startsWith(subject))) kept.push(...entry);
  }
  const from = kept.length === 0 && end > start + 1 ? start : start + 1;
  return [...lines.slice(0, from), ...kept, ...lines.slice(end)].join("\n");
}

/** The line before had no room for the next one's first word: what a person writes below is not taken for a part of it. */
function isWrapped(line = "", next = ""): boolean {
  const word = /^ {2}# (?!- )(\S+)/.exec(next)?.[1];
  return word !== undefined && line.trimEnd().length + 1 + word.length > COMMENT_CHARS;
}

/** A sentence for people: what is left out, and why. */
export function showLeftOut({ field, column, why }: LeftOut): string {
  const parts = [
    ...(field === null ? [] : [`field ${scalar(field)}`]),
    ...(column === null ? [] : [`column ${scalar(column)}`]),
  ];
  return [parts.join(" for "), why].filter((part) => part !== "").join(" ");
}

function comment(text: string, indent = ""): readonly string[] {
  const lines: string[] = [];
  let line = "";
  // A name of the table may hold line breaks, which would end the comment.
  for (const word of text.split(/\s+/)) {
    if (line !== "" && indent.length + line.length + word.length + 3 > COMMENT_CHARS) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((part) => `${indent}# ${part}`);
}

const PLAIN = /^[A-Za-z_./][\w./-]*$/;
/** What YAML reads as something else than text, in any of its versions. */
const NO_TEXT = /^(?:null|true|false|yes|no|on|off|y|n|\.(?:inf|nan))$/i;

/** What stands in single quotes as it is. */
const QUOTING = /^[^'$\p{C}\p{Zl}\p{Zp}]*"[^'$\p{C}\p{Zl}\p{Zp}]*$/u;

/** A text as YAML, in quotes where it needs them. JSON's strings are YAML's; `${` would begin a reference. */
function scalar(text: string): string {
  if (PLAIN.test(text) && !NO_TEXT.test(text)) return text;
  if (QUOTING.test(text)) return `'${text}'`;
  return JSON.stringify(text.replaceAll("${", "$$${")).replaceAll("\u007f", "\\u007f");
}
