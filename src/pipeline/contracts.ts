/**
 * The contracts between the stages of the pipeline, and its glossary. Types, and the closed lists of names behind them.
 *
 * - delivery: one receipt of an SQS message; a message may be delivered several times
 * - event: the JSON object that a message's body holds
 * - row: what one table gets of an event; an event may have rows in several tables, and several in one
 * - record: all rows of a message, decoded and raw; never leaves the process
 * - masked record: the record as it may be stored, as a whole or not at all; the only thing a sink accepts
 * - token: a masked value, such as `h1_LhB1…`
 * - ledger: the table of message ids already stored; what makes the effect exactly-once
 * - quarantine: where refused events go: sealed, with a reason, to be replayed or discarded
 * - batch: the masked records written in one transaction
 * - drain: finish what was received, receive no more
 */
import type { PiipeError } from "../errors.ts";
import type { RareCounts } from "./rare-counts.ts";

export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** One receipt of a message. `body` and `attributes` are raw: never logged, never in an error. */
export interface Delivery {
  /** The message id: stable across redeliveries. */
  readonly id: string;
  /** 1 on the first receipt. */
  readonly attempt: number;
  /** When the producer sent the message, by the queue's clock: stable across redeliveries. */
  readonly sentAtMs: number;
  /** When this receipt arrived, by the worker's clock. */
  readonly receivedAtMs: number;
  /** The message group of a FIFO queue, or null in a standard queue. */
  readonly groupId: string | null;
  readonly body: string;
  /** UTF-8 length of `body` and of the values of `attributes` together, for the bounds on bytes. */
  readonly bytes: number;
  /** String values of the message attributes that the configuration names (`@attribute.NAME`). */
  readonly attributes: ReadonlyMap<string, string>;
  /** The queue whose redrive policy moved the message to where it was received. null or left out: none did. */
  readonly movedFrom?: string | null;
  /** What its source found wrong with what the body points to: it is refused for that. Left out: nothing. */
  readonly rejection?: Rejection;
}

/** An object in S3 that a message points to. Raw: both may hold personal data. */
export interface S3Object {
  readonly bucket: string;
  /** Well-formed, 1 to 1,024 bytes. */
  readonly key: string;
}

/** A body that points to an object. */
export interface Pointing {
  readonly object: S3Object;
  /** The body as it would have come without the detour over S3: with the object's text in the place of the pointer. */
  readonly bodyWith: (text: string) => string;
}

/** null: the body points to none, or not in a way that can be followed. Pure; never throws for bad data. */
export type FindPointer = (body: string) => Pointing | null;

export const COLUMN_TYPES = [
  "text",
  "integer",
  "number",
  "decimal",
  "boolean",
  "timestamp",
  "date",
  "uuid",
  "ip",
  "version",
  "phone",
  "mac",
  "json",
  "text[]",
  "integer[]",
  "number[]",
  "decimal[]",
  "boolean[]",
  "uuid[]",
  "timestamp[]",
  "date[]",
] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** Of one value, or of each in an array. */
export type ScalarType = Exclude<ColumnType, `${string}[]`>;

export const isArrayType = (type: ColumnType): type is Exclude<ColumnType, ScalarType> => type.endsWith("[]");

/** What an array of the type holds, `text` for `text[]`; of any other the type itself. */
export const scalarTypeOf = (type: ColumnType): ScalarType =>
  isArrayType(type) ? (type.slice(0, -2) as ScalarType) : type;

/** How a personal value may be stored. What each protects against is in docs/masking.md. */
export const MASK_NAMES = [
  "hmac-sha256",
  "hmac-over-sha256",
  "aes-siv",
  "ipcrypt-deterministic",
  "ipcrypt-pfx",
  "fpe-ff1",
  "generalize",
  "redact",
  "drop",
  "sha256",
] as const;
export type MaskName = (typeof MASK_NAMES)[number];

/** What a timestamp is cut down to. */
export const PRECISIONS = ["hour", "day"] as const;
export type Precision = (typeof PRECISIONS)[number];

/** What happens when a column that is stored as it is holds what looks like personal data. */
export const PII_DETECTIONS = ["warn", "quarantine", "off"] as const;
export type PiiDetection = (typeof PII_DETECTIONS)[number];

/** What happens when a column that is stored as it is holds the value of a masked one. */
export const ECHOES = ["refuse", "allow"] as const;
export type Echo = (typeof ECHOES)[number];

/** How a time is written: with its zone, as a count since 1970 in UTC, or as SQL writes it. */
export const TIME_FORMATS = ["rfc3339", "epoch-s", "epoch-ms", "epoch-us", "sql"] as const;
export type TimeFormat = (typeof TIME_FORMATS)[number];

/** The kinds of personal data that are recognised by their form. */
export const DETECTOR_NAMES = ["email", "ipv4", "ipv6", "phone", "card", "iban", "us-ssn", "jwt", "mac"] as const;
export type DetectorName = (typeof DETECTOR_NAMES)[number];

/** What a value looks like: by its form, or by the name of a field in JSON that stands in a text. */
export type SuspicionKind = DetectorName | "inner-name";

/** What a message body may be wrapped in (`source.unwrap`). */
export const UNWRAP_STEPS = ["sns", "s3", "base64", "gzip", "json", "lines"] as const;
export type UnwrapStep = (typeof UNWRAP_STEPS)[number];

/** What the queue knows of a message, what SNS says of the notification in it, and the place of an `each`'s element from 0. */
export const METADATA_NAMES = [
  "message_id",
  "sent_at",
  "received_at",
  "group_id",
  "sns.topic",
  "sns.subject",
  "sns.timestamp",
  "sns.message_id",
  "index",
] as const;
export type MetadataName = (typeof METADATA_NAMES)[number];

/** One step of a path into JSON: a key of an object, or the index of an array's element. */
export type PathStep = string | number;

/** One place in a message. */
export type ValuePlace =
  /**
   * From the event on or, in a table with `each`, from the element on: there the path may be empty, and begins `up` levels
   * above (`^`). Left out: 0.
   */
  | { readonly kind: "field"; readonly path: readonly PathStep[]; readonly up?: number }
  | { readonly kind: "metadata"; readonly name: MetadataName }
  | { readonly kind: "attribute"; readonly name: string };

/** A value that the configuration gives. */
export type Constant = string | number | boolean;

/** Where a column's value comes from: a place, or the first of several that has a value. */
export type MessageOrigin = ValuePlace | { readonly kind: "first"; readonly places: readonly ValuePlace[] };

/** The message, or the configuration. */
export type ValueOrigin =
  | MessageOrigin
  /** The same for every event, whatever it holds. */
  | { readonly kind: "constant"; readonly value: Constant };

/** Where an event's business id is (`dedupeBy`): two messages with the same one are the same event. */
export interface BusinessIdField {
  /** No metadata: what the queue makes is another with each sending, or shared by many events. */
  readonly origin: MessageOrigin;
  /** As the configuration writes it: the path in a rejection. */
  readonly from: string;
}

/** How a column's values are read, beyond what its type says. Each is left out where the configuration says nothing. */
export interface ColumnReading {
  /** Text is taken for the number or boolean that it is, and these for their text. */
  readonly coerce?: boolean;
  /** Of times; at most one is an epoch. */
  readonly formats?: readonly TimeFormat[];
  /** An IANA name: of times that are written without one. */
  readonly zone?: string;
  /** Digits that the column, or PostgreSQL, does not hold are cut. */
  readonly cut?: boolean;
  /** Of phone numbers in a national form: ISO 3166-1, two letters. */
  readonly region?: string;
  /** Of addresses with a port. */
  readonly strip?: "port";
  /** Of addresses in a list, as `X-Forwarded-For` has them. */
  readonly take?: "first";
  /** What is no address becomes NULL. */
  readonly otherwise?: null;
  /** Stored instead of a missing or null value. */
  readonly fallback?: Constant;
  /** A missing or null value becomes the table's own DEFAULT. */
  readonly absent?: "default";
}

/** One declared column: what the table gets, and where the value comes from. */
export interface Column extends ColumnReading {
  readonly name: string;
  readonly origin: ValueOrigin;
  /**
   * The origin as the configuration writes it (`device.os.name`, `@sent_at`), several places joined by ` or `: the path in a
   * rejection.
   */
  readonly from: string;
  readonly type: ColumnType;
  /** A missing, null or (when masked) empty value becomes NULL instead of a rejection. */
  readonly nullable: boolean;
  /** null: not personal, stored as it is. */
  readonly mask: MaskName | null;
  /** `fpe-ff1` only: the digits that each value has, 6 to 56. */
  readonly digits: number | null;
  /** `generalize` of a timestamp only. */
  readonly precision: Precision | null;
  /** Masks whose tokens do not show their key version only: the one that makes them. null: the primary one. */
  readonly keyVersion: number | null;
  /** Whether the originals of its tokens are sealed into the vault. */
  readonly reveal: boolean;
  readonly piiDetection: PiiDetection;
  /** `allow`: left out of the search for masked values in what is stored as it is. Left out: `refuse`. */
  readonly echo?: Echo;
  /** By what its keys, links and originals are known: equal values have equal tokens under it. Left out: the name. */
  readonly key?: string;
  /** `json` only: what is masked inside. Left out: nothing. */
  readonly masks?: readonly InnerMask[];
}

/** What becomes of a row whose key the table has. */
export const CONFLICT_WAYS = ["ignore", "update"] as const;

export interface OnConflict {
  /** Names of declared columns, one or more; never NULL. */
  readonly key: readonly string[];
  /** `ignore`: the stored row stays; `update`: the declared columns are overwritten. */
  readonly do: (typeof CONFLICT_WAYS)[number];
  /** The column that decides: only a later value overwrites. null: the row that comes last. */
  readonly newest: string | null;
}

/** What one table gets of an event. */
export interface Target {
  readonly columns: readonly Column[];
  /** Which events: those that all of them hold for. Empty: every event. */
  readonly when: readonly Condition[];
  /** What has a row each. null: the event, which has one. */
  readonly each: Each | null;
}

/** The elements of an array, or of arrays within it. */
export interface Each {
  /** To the array; then from its elements to the next one. Not empty; one step of it may be, which is the whole. */
  readonly path: readonly (readonly PathStep[])[];
  /** As the configuration writes it: the path in a rejection. */
  readonly from: string;
}

/** What `when` asks of one place in an event. */
export interface Condition {
  readonly place: ValuePlace;
  /** As the configuration writes it. */
  readonly from: string;
  /** What it must be one of, by JSON's equality; or whether it must have a value, that is neither missing nor null. */
  readonly test:
    | { readonly kind: "equals"; readonly values: readonly Constant[] }
    | { readonly kind: "present"; readonly isPresent: boolean };
}

/** A step on the way into a JSON value: the key of an object, or null for each element of an array. */
export type InnerStep = string | null;

/**
 * What is masked inside a json column: like a column of its own, named after the column and the way into it
 * (`context.devices[].id`).
 */
export interface InnerMask extends Column {
  readonly mask: MaskName;
  readonly inside: { readonly column: string; readonly path: readonly InnerStep[] };
}

/** Where the tokens of a column stand in the table, or those of an inner mask. */
export interface TokenPlace {
  /** As it is shown: the column's, or that of the inner mask. */
  readonly name: string;
  /** The table's. */
  readonly column: string;
  /** Into the JSON that the column holds; null: the column itself is the token. */
  readonly path: readonly InnerStep[] | null;
  /** By what links, originals and key checks know its tokens: several places may share it. */
  readonly key: string;
}

/** What the table's real column can hold, as far as decoding needs to know it. */
export interface ColumnBounds {
  /** Longest text in characters (code points), or null when unbounded or not a text column. */
  readonly charsMax: number | null;
  /** Smallest and largest integer, or null when the column is not an integer column. */
  readonly integerMin: number | bigint | null;
  readonly integerMax: number | bigint | null;
  /** True when the real column is text: a `version` is then stored as its text. */
  readonly isText: boolean;
  /** Of a numeric column that is declared with one. Left out: it holds every digit, or is no numeric. */
  readonly numeric?: NumericSize;
  /** Decimals of a second that the declaration of a time column keeps. Left out: all that PostgreSQL holds. */
  readonly secondDecimals?: number;
  /** Of an enum, or of an array of it. */
  readonly labels?: ReadonlySet<string>;
}

/** What a `numeric(precision, scale)` keeps: so many digits, of which so many behind the point. */
export interface NumericSize {
  readonly precision: number;
  /** Negative: the last digits before the point are rounded to zeros. */
  readonly scale: number;
}

/** Why data is refused, as a stable name. Documented in docs/errors.md. */
export const REJECTION_CODES = {
  "body.empty": "the body is empty",
  "body.too-large": "the body, as sent or unpacked, has more bytes than allowed",
  "body.not-json": "the body is not JSON",
  "body.not-object": "the body is JSON but not an object",
  "body.too-deep": "objects and arrays are nested too deeply",
  "body.too-many-keys": "the event has too many keys",
  "body.too-many-rows": "the event has more rows than one message may have",
  "body.too-costly": "looking into the body takes more work than its size allows",
  "body.wrapped": "the body is an SNS notification, in which the event is a text",
  "body.wrapping": "the body is not wrapped as `source.unwrap` says",
  "body.confirmation": "SNS asks to confirm a subscription, or tells of the end of one",
  "body.pointer": "the body is a pointer to an object in S3 that is malformed, or whose object was not fetched",
  "body.object-missing": "the object in S3 that the body points to is not there",
  "body.object-refused": "S3 refuses the object that the body points to, and gives others",
  "body.duplicate-key": "an object names the same key twice",
  "body.forbidden-key": "an object has the key __proto__",
  "field.missing": "a required field is not there",
  "field.null": "a required field is null, or empty where an empty value is none",
  "field.type": "a field has another JSON type than its column",
  "field.format": "a field's text is not of its column's type",
  "field.range": "a number or time is outside its column's range, or has digits that the column would lose",
  "field.too-long": "a text or array is too long for its column",
  "field.nul-character": "a text holds U+0000, which PostgreSQL cannot store",
  "field.lone-surrogate": "a text holds half a surrogate pair, which is no character",
  "field.json-text": "a text that is to be masked as one value is a whole JSON object",
  "field.unknown": "the event has a field that no column declares",
  "event.transform": "the transform of the pipeline has made no event of it",
  "event.unmatched": "no table of the configuration takes the event",
  "leak.echo": "a column that is stored as it is holds the value of a masked column",
  "leak.detected": "a column that is stored as it is holds what looks like personal data",
  "database.value": "PostgreSQL refused a value, or could not read it as the column's type",
  "database.constraint": "a constraint of the table refused the row (SQLSTATE class 23)",
  "database.limit": "the row exceeds a limit of PostgreSQL (SQLSTATE class 54)",
  "database.trigger": "a trigger or function in the database refused the row",
  "database.partition": "no partition of the table takes the row",
  "database.view": "the CHECK OPTION of a view refused the row",
  "database.policy": "row-level security refused the row",
  "database.row": "PostgreSQL refused the row, and took others",
} as const;
export type RejectionCode = keyof typeof REJECTION_CODES;

/**
 * Why data is refused. Says where, never what: `path` is the `from` or the name of a declared column, a step of
 * `source.unwrap`, or columns and constraint as the database's catalogue names them, never a key of the event that the
 * configuration does not name (a key may itself be personal data).
 */
export interface Rejection {
  readonly code: RejectionCode;
  readonly path: string | null;
  /**
   * What the configuration asks for there, and which JSON type came: `expected an integer, found text`; or whose value stands
   * there, as the configuration names it. Left out: the code says it all.
   */
  readonly detail?: string;
}

/** A decoded value before masking. Dates, timestamps, UUIDs and JSON are in PostgreSQL's text form. */
export type RawValue = string | number | boolean | null;

/** A decoded message. Raw: never leaves the process. */
export interface RawRecord {
  readonly id: string;
  readonly sentAtMs: number;
  /** Table by table. Empty: no table takes any. */
  readonly rows: readonly RawRow[];
  /** Names of the event's fields that no column declares: raw, as a key may itself be personal data. Often empty. */
  readonly unknownFields: readonly string[];
  /** Raw, as it may be personal. null: there is no `dedupeBy`. */
  readonly businessId: string | null;
  /** UTF-8 length of an event that has more bytes than its delivery, for the bounds on bytes. Left out: it has no more. */
  readonly unpackedBytes?: number;
}

/** What one table gets: one value per declared column, in the columns' order. */
export interface RawRow {
  /** The table's place among the configured ones. */
  readonly table: number;
  readonly values: readonly RawValue[];
  /** What is to be masked inside json columns. Left out: no column has `masks`. */
  readonly inner?: readonly InnerValues[];
  /** For the leak guard: of masked columns that spell their value anew. Left out: there are none. */
  readonly given?: readonly GivenText[];
}

/** How the event itself writes a value, where that says it in another way than the record. Raw. */
export interface GivenText {
  /** The column's place among the columns. */
  readonly column: number;
  readonly text: string;
}

/** What is to be masked inside one json value, whose text the record has. */
export interface InnerValues {
  /** The column's place among the columns. */
  readonly column: number;
  /** In the text's order. */
  readonly values: readonly InnerValue[];
}

export interface InnerValue {
  /** The place of the mask among the column's `masks`. */
  readonly mask: number;
  /** Where it is written in the column's text; `end` is behind it. */
  readonly start: number;
  readonly end: number;
  /** null: an empty text. */
  readonly value: RawValue;
  /** As in `GivenText`. Left out: the value is written as it is. */
  readonly given?: string;
}

export type ColumnValue = string | number | boolean | null;

/** What one table stores: one value per declared column, in the columns' order. */
export interface MaskedRow {
  /** The table's place among the configured ones. */
  readonly table: number;
  readonly values: readonly ColumnValue[];
}

declare const masked: unique symbol;
/** Only mask/ can make one: a pipeline that skips masking does not compile. */
export interface MaskedRecord {
  readonly id: string;
  readonly sentAtMs: number;
  /** Of the raw record. */
  readonly rows: readonly MaskedRow[];
  /** Its tokens under key versions that are being linked. Empty, and shared, while no rotation is under way. */
  readonly links: readonly TokenLink[];
  /** The originals of its tokens in columns with `reveal`. Empty, and shared, without such a column. */
  readonly originals: readonly SealedOriginal[];
  /** What its unmasked values look like, where that is to be warned of. Empty, and shared, nearly always. */
  readonly suspicions: readonly Suspicion[];
  /**
   * Keyed digests of the business id, 32 hex digits each: of the messages with one of them, one is stored. Empty, and
   * shared, without `dedupeBy`.
   */
  readonly businessKeys: readonly string[];
  /**
   * For each of them, a keyed digest of the id and of what the columns are made from: 64 bits, as a signed decimal. Two events
   * with one id and different ones are not the same event. Left out without `dedupeBy`.
   */
  readonly contentChecks?: readonly string[];
  /** As `businessKeys`, under keys that have leaked: claimed no more, still recognised. Empty, and shared, nearly always. */
  readonly leakedBusinessKeys: readonly string[];
  /** Of the raw record. */
  readonly unpackedBytes?: number;
  readonly [masked]: true;
}

/** Two tokens of one value: duplicates survive a key rotation by it. */
export interface TokenLink {
  /** Of the keys that made the tokens. */
  readonly domain: string;
  /** The column's `key`. */
  readonly column: string;
  readonly oldToken: string;
  readonly newToken: string;
}

/** What a token was made from, encrypted to the operator's public key. */
export interface SealedOriginal {
  /** Of the keys that made the token. */
  readonly domain: string;
  /** The column's `key`. */
  readonly column: string;
  readonly token: string;
  readonly sealed: Uint8Array;
}

/** By what a key version of a column is recognised, without telling the key. */
export interface KeyCheck {
  readonly domain: string;
  /** The column's `key`; for `dedupe`, the path to the business id. */
  readonly column: string;
  readonly mask: KeyedUse;
  readonly version: number;
  /** 32 hex digits. */
  readonly value: string;
}

/** What keys are for. */
export type KeyedUse = MaskName | "dedupe";

/** What a column's tokens, or the digests of business ids, are made with. */
export interface ColumnKeys {
  readonly column: string;
  readonly mask: KeyedUse;
  /** Decides how values are normalised before they are masked; null: business ids are of no type. */
  readonly type: ColumnType | null;
  /** Of the version that makes the tokens; null while none does. */
  readonly active: KeyCheck | null;
  /** Of every version that the keyring has the root of. */
  readonly known: readonly KeyCheck[];
  /** Tokens show their version: others than the active one may have made the stored ones. */
  readonly showsVersion: boolean;
}

export interface Suspicion {
  readonly column: string;
  readonly detector: SuspicionKind;
}

/** How tokens look, as far as a database compares cheaply: every token has its form, and other texts may have it too. */
export interface TokenForm {
  /** Such as `h1_`; empty for digests. */
  readonly prefix: string;
  /** Characters of the whole token. */
  readonly charsMin: number;
  /** null: that depends on the value. */
  readonly charsMax: number | null;
}

/** What becomes of a column's stored tokens of older forms, without their values. Prepared by mask/, carried out by storage/. */
export interface TokenRewrite {
  /** Of the keys: a link or an original of another domain is left as it is. */
  readonly domain: string;
  readonly forms: readonly TokenForm[];
  /** What the column may hold beside them; everything else is counted as unreadable. null: that is not looked for. */
  readonly tokenForms: readonly TokenForm[] | null;
  /** Pure; gives the token that new events get. null: not an old token, or one that the keys at hand do not open. */
  readonly rewrite: (oldToken: string) => string | null;
  /** Tokens of the same value under other key versions: they are linked to the new one. Mostly none. */
  readonly linkedTokens: (oldToken: string) => readonly string[];
}

/**
 * Which links between tokens are followed: they are rows of a table, and whoever may write into it can make some up.
 * Prepared by mask/, carried out by storage/.
 */
export interface LinkRule {
  /** The key version that a token of the column shows; null: it is none, and no link leads to it. */
  readonly versionOf: (token: string) => number | null;
  /**
   * How the tokens begin of which every one that the value can have was made: another one with such a beginning is of
   * another value.
   */
  readonly madePrefixes: readonly string[];
  /** How many tokens that show a version one value can have. More than one: a rewrap made them of those of older versions. */
  readonly tokensMax: (version: number) => number;
}

/** An event as JSON has it. Raw: it may hold personal data. */
export type JsonEvent = Readonly<Record<string, unknown>>;

/**
 * Makes another event of an event, or several, which are stored or refused as one message; null or an empty list: none, and the
 * message is dropped. Synchronous and pure: a message that comes again is transformed again. What it throws refuses the
 * event. It is given the event as `JSON.parse` makes it.
 */
export type Transform = (event: JsonEvent) => JsonEvent | readonly JsonEvent[] | null;

/** What becomes of a delivery once its outcome is known. */
export type Settlement =
  | { readonly kind: "delete" }
  /** Visible again after the delay (0 to 43,200 s). */
  | { readonly kind: "release"; readonly delaySeconds: number };

/** Where deliveries come from. Adapters: SQS, and the event of an AWS Lambda invocation. */
export interface Source {
  /** Identifies the queue in the ledger: the same for every worker and every start. */
  readonly name: string;
  /** True when order within a group must be kept. */
  readonly ordered: boolean;
  /**
   * Read after each `receive`. True: more is known to wait, so a batch that is not full waits for it,
   * up to the linger. False: what was given is written at once. A source that has given all that it ever will has no more.
   */
  readonly hasMore: boolean;
  /**
   * Called by the engine in a loop, one call at a time. Waits until there is something, but not for ever: an empty
   * reply means "nothing yet". Never gives more than `room` deliveries, and never an id that is still unsettled.
   * `stop` ends the wait; what had arrived is still returned, here or by the next call.
   * Retries what is worth retrying; throws a PiipeError when the queue cannot be used.
   */
  receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]>;
  /**
   * Called with deliveries whose outcome is known. Resolves when every settlement is done or given up; a delivery
   * whose settlement failed is redelivered later, which the ledger makes harmless. Does not throw for that.
   * `abort` cancels the requests.
   */
  settle(settled: ReadonlyMap<Delivery, Settlement>, abort: AbortSignal): Promise<SettleReport>;
  /**
   * Messages in the queue, whether visible, delayed or held by a consumer. Approximate on SQS.
   * Throws a PiipeError, `retryable` when asking again may help; `interrupted`, at once, when `signal` fires.
   */
  depth(signal: AbortSignal): Promise<number>;
  /** Safe twice. Unsettled deliveries become visible again when their visibility timeout ends. */
  close(): Promise<void>;
}

export interface SettleReport {
  readonly deleted: number;
  readonly released: number;
  /** Settlements that could not be done: those messages are redelivered. */
  readonly failed: number;
  /** The ids of these. Left out: none, or nobody knows. */
  readonly failedIds?: readonly string[];
  /** The queue refuses settlements for good, as when a permission is lacking: calling again would not help. */
  readonly refusal?: PiipeError;
}

/** Pure and synchronous; does no I/O. Never throws for bad data. */
export type Decode = (delivery: Delivery) => Result<RawRecord, Rejection>;
/** Pure and synchronous; does no I/O. Never throws for bad data. */
export type Mask = (record: RawRecord) => Result<MaskedRecord, Rejection>;
/**
 * Encrypts a text to the operator's public key: a keyring cannot open it. `boundTo` says what it belongs to (the id of a
 * message, the column of an original), `source` of which source that is, or null where that does not matter; opening needs
 * the same, so that nothing sealed passes for something else.
 */
export type Seal = (text: string, boundTo: string, source: string | null) => Uint8Array;
/**
 * The opposite of `Seal`, with the operator's private key. What an older piipe sealed knows no source.
 * Throws a PiipeError `keys.invalid` when the bytes were sealed to another key, belong to something else or were changed.
 */
export type Open = (sealed: Uint8Array, boundTo: string, source: string | null) => string;

/** A refused event on its way to the quarantine. */
export interface RefusedEvent {
  readonly id: string;
  readonly sentAtMs: number;
  readonly attempt: number;
  readonly rejection: Rejection;
  readonly sealedBody: Uint8Array;
  /** What columns may need besides the body, for a replay: the group and the attributes. null: there is none. */
  readonly sealedMetadata: Uint8Array | null;
}

/** A refused event that waits in the quarantine, still sealed. */
export interface HeldEvent {
  /** The name of the source that it was refused from. */
  readonly source: string;
  readonly id: string;
  readonly sentAtMs: number;
  readonly attempt: number;
  /** When it was quarantined, by the database's clock. */
  readonly firstSeenMs: number;
  readonly sealedBody: Uint8Array;
  readonly sealedMetadata: Uint8Array | null;
}

/** Where a replay gets refused events from. Adapter: the quarantine in PostgreSQL. Throws a PiipeError when it fails. */
export interface HeldEvents {
  /** A page, in the order of sending; empty when all were given. Each event is given once, also when it stays. */
  next(abort: AbortSignal): Promise<readonly HeldEvent[]>;
  /** Gives events that stay, by id, the reason that they have now. */
  noteRefused(refused: ReadonlyMap<string, Rejection>, abort: AbortSignal): Promise<void>;
}

/** What one transaction writes. No id occurs twice. */
export interface Batch {
  readonly records: readonly MaskedRecord[];
  readonly refused: readonly RefusedEvent[];
}

export type WriteOutcome =
  | { readonly kind: "stored" }
  /**
   * The ledger already had the id: the message was stored or quarantined before. That includes an earlier try of this
   * very batch whose COMMIT went through while the reply was lost. Or a message with the same business id was stored;
   * `differs` when its content was another. Or it has rows in tables with `onConflict` alone, and all of them were ignored.
   */
  | { readonly kind: "duplicate"; readonly differs?: true }
  | { readonly kind: "quarantined" }
  /** PostgreSQL refused this record; nothing of it was written. */
  | { readonly kind: "rejected"; readonly rejection: Rejection };

/** With what is rare: of the stored, so many are `dropped`; the others are rows. */
export interface BatchOutcome extends Readonly<RareCounts> {
  /**
   * One outcome per record of the batch, in order: stored, duplicate or rejected. They may end early, with a rejected
   * one: what follows it was not written.
   */
  readonly records: readonly WriteOutcome[];
  /**
   * One outcome per refused event of the batch, in order: quarantined or duplicate. None when every record was rejected:
   * then nothing was written, and whether so many refusals go into the quarantine can still be judged.
   */
  readonly refused: readonly WriteOutcome[];
  /**
   * Of the records that are stored by their outcome: so many are in no table, as a trigger or rule of the table's owner
   * kept them out. Which ones, PostgreSQL does not tell. They are settled like the others. Left out: none.
   */
  readonly skipped?: number;
  /** Some were rejected because the table would take what was stored before: none of those that were asked passes. */
  readonly earlierTold?: true;
}

/** Where masked records go. Adapter: PostgreSQL. */
export interface Sink {
  /**
   * One transaction, or several when a record is refused and the rest is saved around it. Writing the same batch
   * again is safe: the ledger knows what is already there.
   * Throws a PiipeError when the outcome is unknown or nothing was written; `retryable` says whether to call again,
   * `mayBeData` that none of the records passes while others might; not of a sink that is made for refused events, which
   * rejects those.
   * `abort` cancels: the connection is dropped and the call throws.
   * `earlierTell`: when none of the records passes, what was stored before may show that others would.
   */
  write(batch: Batch, abort: AbortSignal, options?: { readonly earlierTell: boolean }): Promise<BatchOutcome>;
}

/** Time and chance, replaceable so that a simulation can run the engine through weeks in seconds. */
export interface Clock {
  nowMs(): number;
  /** For short durations: fractions of a millisecond since some moment, never set back. */
  elapsedMs(): number;
  /** Resolves after the delay, or at once when `signal` fires. Never rejects. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
  /** A number in [0, 1), for jitter. */
  random(): number;
}
