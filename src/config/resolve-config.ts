import { resolve } from "node:path";
import type {
  BusinessIdField,
  Column,
  ColumnReading,
  ColumnType,
  Each,
  InnerMask,
  MessageOrigin,
  ValueOrigin,
} from "../pipeline/contracts.ts";
import { isOfQueue } from "../pipeline/value-places.ts";
import { type Config, columnsOf, type PasswordConfig, type TableConfig } from "./config.ts";
import { parseEach } from "./each-path.ts";
import { parseInnerPath, showInnerPath } from "./inner-path.ts";
import { UNKEYED_RISK } from "./mask-rules.ts";
import type { CheckedConfig } from "./schema.ts";
import { Secret } from "./secret.ts";
import { parseTableName } from "./table-name.ts";
import { conditionsOf } from "./table-schema.ts";
import { type From, parseOrigin, showFrom } from "./value-origin.ts";

/** Makes what the program works with out of what the user wrote. `baseFolder` is where relative paths begin. */
export function resolveConfig(checked: CheckedConfig, baseFolder: string): Config {
  const { sqs, unwrap = [], each, s3 } = checked.source;
  const { postgres } = checked.sink;
  const tables = Object.entries(tablesOf(checked)).map(([table, settings]) => resolveTable(table, settings));
  const [first] = tables;
  if (first === undefined) throw new Error("the schema let a configuration without a table pass");
  const name = checked.name ?? first.name.name;
  return deepFreeze({
    name,
    source: {
      sqs: {
        queue: sqs.queue,
        region: sqs.region ?? null,
        endpoint: sqs.endpoint ?? null,
        visibilityTimeoutSeconds: sqs.visibilityTimeoutSeconds ?? null,
      },
      unwrap: [unwrap].flat(),
      each: each === undefined ? null : resolveEach(each),
      s3: { endpoint: s3?.endpoint ?? null, deleteObject: s3?.deleteObject ?? false },
    },
    sink: {
      postgres: {
        url: new Secret(postgres.url),
        password: postgres.password === undefined ? null : resolvePassword(postgres.password, baseFolder),
        createTable: postgres.createTable,
        maxConnections: postgres.maxConnections,
        settings: postgres.settings,
      },
    },
    keys: {
      file: checked.keys.file === undefined ? null : resolve(baseFolder, checked.keys.file),
      secret: checked.keys.secret ?? null,
      domain: checked.keys.domain ?? name,
    },
    tables,
    unmatched: checked.unmatched,
    unknownFields: checked.unknownFields,
    dedupeBy: checked.dedupeBy === undefined ? null : resolveBusinessId(checked.dedupeBy),
    allowUnkeyed: checked.allowUnkeyed,
    batch: { ...checked.batch },
    quarantine: { ...checked.quarantine },
    warnings: unkeyedWarnings(columnsOf({ tables })),
  });
}

type TableSettings = NonNullable<CheckedConfig["tables"]>[string];

/** One table is written in a short form. */
function tablesOf({ tables, columns, sink }: CheckedConfig): Readonly<Record<string, TableSettings>> {
  if (tables !== undefined) return tables;
  const { table } = sink.postgres;
  if (table === undefined || columns === undefined)
    throw new Error("the schema let a configuration without a table pass");
  return { [table]: { columns } };
}

function resolveTable(written: string, { columns, when, each: writtenEach }: TableSettings): TableConfig {
  const name = parseTableName(written);
  if (name === null) throw new Error("the schema let a malformed table name pass");
  const each = writtenEach === undefined ? null : resolveEach(writtenEach);
  return {
    name,
    columns: Object.entries(columns).map(([column, settings]) => resolveColumn(column, settings, each)),
    notPersonal: Object.entries(columns).flatMap(([column, { piiDetection }]) =>
      piiDetection === "off" ? [column] : [],
    ),
    when: when === undefined ? [] : conditionsOf(when),
    each,
  };
}

function resolveEach(written: string): Each {
  const each = parseEach(written);
  if (!each.ok) throw new Error("the schema let a malformed path pass");
  return each.value;
}

function resolvePassword(
  given: NonNullable<CheckedConfig["sink"]["postgres"]["password"]>,
  baseFolder: string,
): PasswordConfig {
  if (given === "iam") return { kind: "iam" };
  const { file, secret } = given;
  if (file !== undefined) return { kind: "file", path: resolve(baseFolder, file) };
  if (secret === undefined) throw new Error("the schema let a password without a place pass");
  return { kind: "secret", arn: secret };
}

const DETECTED_TYPES: ReadonlySet<ColumnType> = new Set(["text", "json", "text[]"]);

type ColumnSettings = TableSettings["columns"][string];

function resolveColumn(name: string, settings: ColumnSettings, each: Each | null): Column {
  const origin = originOf(name, settings);
  // In a value of any other type, and in what the queue itself makes, a hit would be chance: a version looks like an address.
  const mayBePersonal = settings.mask === undefined && DETECTED_TYPES.has(settings.type) && !isOfQueue(origin);
  const column: Column = {
    name,
    origin,
    from: shownFrom(settings.from ?? name, each),
    type: settings.type,
    // NULL is all that such a column gets.
    nullable: settings.nullable || settings.mask === "drop",
    mask: settings.mask ?? null,
    ...maskSettings(settings),
    piiDetection: settings.piiDetection ?? (mayBePersonal ? "warn" : "off"),
    ...readingOf(settings),
  };
  if (settings.masks === undefined) return column;
  return { ...column, masks: Object.entries(settings.masks).map(([path, inner]) => resolveInner(column, path, inner)) };
}

/** A path from the element of an array on is shown from the event on, as far as it is one. */
function shownFrom(from: From, each: Each | null): string {
  const shown = showFrom(from);
  const isPath = typeof from === "string" && !from.startsWith("@") && !from.startsWith("^");
  if (each === null || !isPath) return shown;
  return from === "." ? `${each.from}[]` : `${each.from}[].${from}`;
}

type MaskSettings = Pick<
  ColumnSettings,
  "mask" | "type" | "digits" | "precision" | "keyVersion" | "reveal" | "key" | "echo"
>;

function maskSettings({ mask, type, digits, precision, keyVersion, reveal, key, echo }: MaskSettings) {
  return {
    digits: digits ?? null,
    precision: mask === "generalize" && type === "timestamp" ? (precision ?? "day") : null,
    keyVersion: keyVersion ?? null,
    reveal,
    ...(echo === undefined ? {} : { echo }),
    ...(key === undefined ? {} : { key }),
  };
}

/** What is missing inside the column stays missing, and null stays null. */
function resolveInner(
  { name, from, origin }: Column,
  written: string,
  given: NonNullable<ColumnSettings["masks"]>[string],
): InnerMask {
  const path = parseInnerPath(written);
  if (!path.ok) throw new Error("the schema let a malformed path pass");
  const settings: Exclude<typeof given, string> =
    typeof given === "string" ? { mask: given, type: "text", reveal: false } : given;
  const shown = showInnerPath(path.value);
  return {
    name: `${name}.${shown}`,
    origin,
    from: `${origin.kind === "first" ? name : from}.${shown}`,
    type: settings.type,
    nullable: true,
    mask: settings.mask,
    ...maskSettings(settings),
    piiDetection: "off",
    inside: { column: name, path: path.value },
  };
}

function originOf(name: string, { from, value }: ColumnSettings): ValueOrigin {
  if (value !== undefined) return { kind: "constant", value };
  return from === undefined ? { kind: "field", path: [name] } : resolveOrigin(from);
}

function readingOf(settings: ColumnSettings): ColumnReading {
  const { coerce, format, zone, cut, region, strip, take, otherwise, default: fallback, absent } = settings;
  return {
    ...(coerce ? { coerce } : {}),
    ...(format === undefined ? {} : { formats: typeof format === "string" ? [format] : format }),
    ...(zone === undefined ? {} : { zone }),
    ...(cut ? { cut } : {}),
    ...(region === undefined ? {} : { region }),
    ...(strip === undefined ? {} : { strip }),
    ...(take === undefined ? {} : { take }),
    ...(otherwise === undefined ? {} : { otherwise }),
    ...(fallback === undefined ? {} : { fallback }),
    ...(absent === undefined ? {} : { absent }),
  };
}

function resolveOrigin(from: From): MessageOrigin {
  const origin = parseOrigin(from);
  if (!origin.ok) throw new Error("the schema let a malformed origin pass");
  return origin.value;
}

const resolveBusinessId = (from: From): BusinessIdField => ({ origin: resolveOrigin(from), from: showFrom(from) });

function unkeyedWarnings(columns: readonly Column[]): readonly string[] {
  const unkeyed = columns
    .flatMap((column) => [column, ...(column.masks ?? [])])
    .filter(({ mask }) => mask === "sha256")
    .map(({ name }) => name);
  if (unkeyed.length === 0) return [];
  return [`mask sha256 has no key (${unkeyed.join(", ")}): ${UNKEYED_RISK}. Use hmac-sha256 where you can.`];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
