import { resolve } from "node:path";
import type {
  BusinessIdField,
  Column,
  ColumnReading,
  ColumnType,
  MessageOrigin,
  ValueOrigin,
} from "../pipeline/contracts.ts";
import { isOfQueue } from "../pipeline/value-places.ts";
import type { Config } from "./config.ts";
import { UNKEYED_RISK, type CheckedConfig } from "./schema.ts";
import { Secret } from "./secret.ts";
import { parseTableName } from "./table-name.ts";
import { type From, parseOrigin, showFrom } from "./value-origin.ts";

/** Makes what the program works with out of what the user wrote. `baseFolder` is where relative paths begin. */
export function resolveConfig(checked: CheckedConfig, baseFolder: string): Config {
  const { sqs, unwrap = [] } = checked.source;
  const { postgres } = checked.sink;
  const table = parseTableName(postgres.table);
  if (table === null) throw new Error("the schema let a malformed table name pass");
  const name = checked.name ?? table.name;
  const columns = Object.entries(checked.columns).map(([column, settings]) => resolveColumn(column, settings));
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
    },
    sink: {
      postgres: {
        url: new Secret(postgres.url),
        table,
        createTable: postgres.createTable,
        maxConnections: postgres.maxConnections,
      },
    },
    keys: {
      file: checked.keys.file === undefined ? null : resolve(baseFolder, checked.keys.file),
      domain: checked.keys.domain ?? name,
    },
    columns,
    notPersonal: Object.entries(checked.columns).flatMap(([column, { piiDetection }]) =>
      piiDetection === "off" ? [column] : [],
    ),
    unknownFields: checked.unknownFields,
    dedupeBy: checked.dedupeBy === undefined ? null : resolveBusinessId(checked.dedupeBy),
    allowUnkeyed: checked.allowUnkeyed,
    batch: { ...checked.batch },
    quarantine: { ...checked.quarantine },
    warnings: unkeyedWarnings(columns),
  });
}

const DETECTED_TYPES: ReadonlySet<ColumnType> = new Set(["text", "json", "text[]"]);

function resolveColumn(name: string, settings: CheckedConfig["columns"][string]): Column {
  const origin = originOf(name, settings);
  const isTimeGeneralized = settings.mask === "generalize" && settings.type === "timestamp";
  // In a value of any other type, and in what the queue itself makes, a hit would be chance: a version looks like an address.
  const mayBePersonal = settings.mask === undefined && DETECTED_TYPES.has(settings.type) && !isOfQueue(origin);
  return {
    name,
    origin,
    from: showFrom(settings.from ?? name),
    type: settings.type,
    // NULL is all that such a column gets.
    nullable: settings.nullable || settings.mask === "drop",
    mask: settings.mask ?? null,
    digits: settings.digits ?? null,
    precision: isTimeGeneralized ? (settings.precision ?? "day") : null,
    keyVersion: settings.keyVersion ?? null,
    reveal: settings.reveal,
    piiDetection: settings.piiDetection ?? (mayBePersonal ? "warn" : "off"),
    ...(settings.echo === undefined ? {} : { echo: settings.echo }),
    ...readingOf(settings),
  };
}

function originOf(name: string, { from, value }: CheckedConfig["columns"][string]): ValueOrigin {
  if (value !== undefined) return { kind: "constant", value };
  return from === undefined ? { kind: "field", path: [name] } : resolveOrigin(from);
}

function readingOf(settings: CheckedConfig["columns"][string]): ColumnReading {
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
  const unkeyed = columns.filter(({ mask }) => mask === "sha256").map(({ name }) => name);
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
