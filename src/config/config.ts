import type { BusinessIdField, Each, Target, UnwrapStep } from "../pipeline/contracts.ts";
import type { Secret } from "./secret.ts";
import type { TableName } from "./table-name.ts";

/** A checked configuration with every default filled in, frozen to its depths. null: left out, and no fixed default. */
export interface Config {
  readonly name: string;
  readonly source: SourceConfig;
  readonly sink: { readonly postgres: PostgresConfig };
  readonly keys: KeysConfig;
  /** One or more, in the order of the configuration. */
  readonly tables: readonly TableConfig[];
  readonly unmatched: "quarantine" | "drop";
  readonly unknownFields: "ignore" | "quarantine";
  readonly dedupeBy: BusinessIdField | null;
  readonly allowUnkeyed: boolean;
  readonly batch: BatchConfig;
  readonly quarantine: QuarantineConfig;
  /** What is allowed but risky, as sentences: printed at every start. */
  readonly warnings: readonly string[];
}

/** A table, and what it gets of an event. */
export interface TableConfig extends Target {
  readonly name: TableName;
  /** Columns of which the configuration itself says `piiDetection: off`. */
  readonly notPersonal: readonly string[];
}

/** Of all tables. */
export const columnsOf = ({ tables }: Pick<Config, "tables">): Target["columns"] =>
  tables.length === 1 ? (tables[0]?.columns ?? []) : tables.flatMap(({ columns }) => columns);

export interface SourceConfig {
  readonly sqs: SqsConfig;
  /** What bodies are wrapped in, outermost first. Empty: a body is the event. */
  readonly unwrap: readonly UnwrapStep[];
  /** What in a body is an event. null: the body. */
  readonly each: Each | null;
  readonly s3: S3Config;
}

/** Of the objects that messages point to, with the step `s3`. */
export interface S3Config {
  readonly endpoint: string | null;
  readonly deleteObject: boolean;
}

export interface SqsConfig {
  /** A name, a URL or an ARN. */
  readonly queue: string;
  readonly region: string | null;
  readonly endpoint: string | null;
  /** 2 to 43,200; null: the queue's own. */
  readonly visibilityTimeoutSeconds: number | null;
}

export interface PostgresConfig {
  readonly url: Secret;
  /** Where each new connection gets its password; null: from the URL, or where libpq finds it. */
  readonly password: PasswordConfig | null;
  readonly createTable: boolean;
  /** 1 to 100. */
  readonly maxConnections: number;
  /** Who sets what statements are meant for. */
  readonly settings: "transaction" | "role";
}

export type PasswordConfig =
  /** An absolute path. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "secret"; readonly arn: string }
  | { readonly kind: "iam" };

export interface KeysConfig {
  /** An absolute path. */
  readonly file: string | null;
  /** The ARN of a secret, instead of a file. */
  readonly secret: string | null;
  /** Part of what each column's key is derived from. Holds no slash. */
  readonly domain: string;
}

export interface BatchConfig {
  readonly rows: number;
  /** Of message bodies. */
  readonly bytes: number;
  readonly lingerMs: number;
}

export interface QuarantineConfig {
  /** Above 0, up to 1; 1 never halts. */
  readonly haltAboveShare: number;
}
