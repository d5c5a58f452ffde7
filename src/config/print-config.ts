import { Document, isScalar } from "yaml";
import type { Column, Condition, InnerMask, MessageOrigin } from "../pipeline/contracts.ts";
import type { Config, PasswordConfig, TableConfig } from "./config.ts";
import { showInnerPath } from "./inner-path.ts";
import { type From, renderPlace } from "./value-origin.ts";

/** Where the database is: what may be shown of its URL. */
export interface DatabasePlace {
  readonly address: string;
  readonly database: string;
  readonly user: string;
}

const URL_PATH = ["sink", "postgres", "url"];

/**
 * The configuration as YAML in the form of `piipe.yaml`, with every default filled in; what was left out and has no fixed
 * default is left out here. Shows no secret: key files are paths, the database's URL is `[secret]`.
 */
export function printConfig(config: Config, { address, database, user }: DatabasePlace): string {
  const { name, source, sink, keys, tables, unmatched, dedupeBy, unknownFields, allowUnkeyed, batch, quarantine } =
    config;
  const { url, password, createTable, maxConnections, settings } = sink.postgres;
  const short = shortForm(tables);
  const document = new Document({
    name,
    source: {
      sqs: known({ ...source.sqs }),
      ...(source.unwrap.length === 0 ? {} : { unwrap: [...source.unwrap] }),
      ...(source.each === null ? {} : { each: source.each.from }),
      ...(source.unwrap.includes("s3") ? { s3: known({ ...source.s3 }) } : {}),
    },
    sink: {
      postgres: {
        url: String(url),
        ...(password === null ? {} : { password: passwordOf(password) }),
        ...(short === null ? {} : { table: writtenName(short) }),
        createTable,
        maxConnections,
        settings,
      },
    },
    keys: known({ ...keys }),
    ...(short === null
      ? { tables: Object.fromEntries(tables.map((table) => [writtenName(table), tableSettingsOf(table)])), unmatched }
      : { columns: columnSettingsOf(short) }),
    unknownFields,
    ...(dedupeBy === null ? {} : { dedupeBy: fromOf(dedupeBy.origin) }),
    allowUnkeyed,
    batch: { ...batch },
    quarantine: { ...quarantine },
  });
  const node = document.getIn(URL_PATH, true);
  if (isScalar(node)) node.comment = ` ${address}, database ${database}, user ${user}`;
  return document.toString({ lineWidth: 0 });
}

/** A table that takes every event as one row, where it is the only one. */
function shortForm(tables: readonly TableConfig[]): TableConfig | null {
  const [only, ...others] = tables;
  return only !== undefined && others.length === 0 && only.when.length === 0 && only.each === null ? only : null;
}

const writtenName = ({ name: { schema, name } }: TableConfig): string => (schema === null ? name : `${schema}.${name}`);

const columnSettingsOf = ({ columns }: TableConfig): object =>
  Object.fromEntries(columns.map((column) => [column.name, settingsOf(column)]));

const tableSettingsOf = (table: TableConfig): object => ({
  ...(table.when.length === 0
    ? {}
    : { when: Object.fromEntries(table.when.map(({ from, test }) => [from, askedOf(test)])) }),
  ...(table.each === null ? {} : { each: table.each.from }),
  columns: columnSettingsOf(table),
});

const askedOf = (test: Condition["test"]): unknown => {
  if (test.kind === "present") return { present: test.isPresent };
  return test.values.length === 1 ? test.values[0] : [...test.values];
};

/** As it was written: where the password is, and never what it is. */
function passwordOf(password: PasswordConfig): string | object {
  if (password.kind === "iam") return password.kind;
  return password.kind === "file" ? { file: password.path } : { secret: password.arn };
}

/** A masked column is personal: it has no `piiDetection`. */
function settingsOf({
  name: _name,
  from: _from,
  origin,
  piiDetection,
  formats,
  fallback,
  otherwise,
  masks,
  ...settings
}: Column): object {
  return {
    ...known({
      ...(origin.kind === "constant" ? { value: origin.value } : { from: fromOf(origin) }),
      ...settings,
      piiDetection: settings.mask === null ? piiDetection : null,
      format: formats?.length === 1 ? formats[0] : formats,
      default: fallback,
      masks:
        masks === undefined
          ? null
          : Object.fromEntries(masks.map((inner) => [showInnerPath(inner.inside.path), innerSettingsOf(inner)])),
    }),
    ...(otherwise === null ? { otherwise } : {}),
  };
}

/** What the column and the path say already is not said again. */
function innerSettingsOf({
  name: _name,
  origin: _origin,
  from: _from,
  nullable: _nullable,
  piiDetection: _detection,
  inside: _inside,
  ...settings
}: InnerMask): object {
  return known(settings);
}

const fromOf = (origin: MessageOrigin): From =>
  origin.kind === "first" ? origin.places.map(renderPlace) : renderPlace(origin);

const known = (settings: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null && value !== undefined));
