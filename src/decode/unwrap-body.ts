import { isUtf8 } from "node:buffer";
import { gunzipSync } from "node:zlib";
import type { Delivery, FindPointer, Rejection, RejectionCode, Result, UnwrapStep } from "../pipeline/contracts.ts";
import { bytesOf } from "../pipeline/delivery-bytes.ts";
import { BODY_BYTES_MAX } from "./limits.ts";
import { MALFORMED, parseBoundedJson } from "./parse-bounded-json.ts";
import { isPointer, readPointer } from "./s3-pointer.ts";

/** What an SNS notification says beside what was published: JSON of whatever type, as it is found. */
export interface Notification {
  readonly TopicArn?: unknown;
  readonly Subject?: unknown;
  readonly Timestamp?: unknown;
  readonly MessageId?: unknown;
}

/** A delivery with the event's own text as its body. */
export interface Unwrapped extends Delivery {
  /** Left out: its body was in no notification. */
  readonly sns?: Notification;
}

/** Takes a body out of what it is wrapped in. Pure, synchronous; never throws for bad data. */
export type UnwrapBody = (delivery: Delivery) => Result<Unwrapped, Rejection>;

/** What a step takes and gives: a text, or the bytes that one stands for. */
type Content = string | Uint8Array;

/**
 * Prepares the way from a body, as it was received, to the text of the event. Each step takes no more, and gives no more, than
 * a body may have: what would inflate beyond that is refused while it inflates. A byte order mark that begins a text is left
 * out, whatever the text is in.
 *
 * @param attributeNames of the message attributes that are read. What SNS was given with the event goes before what the
 * message has: it is the event's own
 */
export function compileUnwrap(given: readonly UnwrapStep[], attributeNames: readonly string[]): UnwrapBody {
  // Lines are taken apart, and not out of anything.
  const steps = given.filter((step) => step !== "lines");
  return (delivery) => {
    let content: Content = delivery.body;
    let { attributes } = delivery;
    let sns: Notification | null = null;
    for (const step of steps) {
      if (step === "sns") {
        const read = readNotification(content);
        if (!read.ok) return refuseAt(step, read.error.code, content, read.error.json);
        sns = read.value;
        content = read.value.Message;
        attributes = withAttributes(attributes, read.value.MessageAttributes, attributeNames);
      } else if (step === "s3") {
        // The source has put the object in the pointer's place, or says why it could not.
        if (delivery.rejection !== undefined) return { ok: false, error: delivery.rejection };
        if (typeof content === "string" && isPointer(content)) return refuseAt(step, "body.pointer", content);
      } else {
        const taken = STEPS[step](content);
        if (!taken.ok) return refuseAt(step, taken.error, content);
        content = taken.value;
      }
    }
    const text = textOf(content);
    if (!text.ok)
      return {
        ok: false,
        error: { code: text.error, path: pathOf(steps.at(-1)), detail: `found ${foundIn(content)}` },
      };
    const bytes = bytesOf(text.value, attributes);
    return { ok: true, value: { ...delivery, body: text.value, bytes, attributes, ...(sns !== null && { sns }) } };
  };
}

/**
 * Prepares the look for an object that a body points to: in what comes before `s3`, which nothing but `sns` does. A body that
 * is not wrapped as that asks points nowhere; it is refused later.
 */
export function compileFindPointer(steps: readonly UnwrapStep[]): FindPointer {
  const isNotified = steps[0] === "sns";
  return (body) => {
    if (!body.includes("S3Pointer")) return null;
    if (!isNotified) {
      const object = readPointer(body);
      return object === null ? null : { object, bodyWith: (text) => text };
    }
    const read = readNotification(body);
    const object = read.ok ? readPointer(read.value.Message) : null;
    if (!read.ok || object === null) return null;
    return { object, bodyWith: (text) => JSON.stringify({ ...read.value, Message: text }) };
  };
}

type WrappingStep = Exclude<UnwrapStep, "lines">;

const pathOf = (step: WrappingStep | undefined): string => `unwrap: ${step}`;

/** @param json what the content is as JSON, where that was asked already */
function refuseAt(step: WrappingStep, code: RejectionCode, content: Content, json?: unknown): Result<never, Rejection> {
  const refused = { code, path: pathOf(step) };
  return {
    ok: false,
    error: code === "body.wrapping" ? { ...refused, detail: detailOf(step, content, json) } : refused,
  };
}

const TAKEN: Readonly<Record<WrappingStep, string>> = {
  sns: "an SNS notification",
  s3: "text",
  base64: "base64",
  gzip: "gzip in base64",
  json: "a JSON string",
};

/** What the step takes, and what was found instead: of closed lists both, nothing in it is of the message. */
function detailOf(step: WrappingStep, content: Content, json: unknown): string {
  if (step === "gzip" && typeof content !== "string")
    return isGzip(content) ? "damaged gzip" : "expected gzip, found other bytes";
  const found = foundIn(content, json);
  return step === "gzip" && found === TAKEN.gzip ? "damaged gzip" : `expected ${TAKEN[step]}, found ${found}`;
}

function foundIn(content: Content, json?: unknown): string {
  const text = textOf(content);
  if (!text.ok) return typeof content !== "string" && isGzip(content) ? "gzip" : "bytes that are no UTF-8";
  const value = json === undefined ? parseBoundedJson(text.value) : json;
  if (isObject(value) && value["Type"] === "Notification" && typeof value["Message"] === "string") return TAKEN.sns;
  if (typeof value === "string") return TAKEN.json;
  if (value !== MALFORMED) return "JSON";
  const bytes = readBase64(text.value);
  if (!bytes.ok) return "other text";
  return isGzip(bytes.value) ? TAKEN.gzip : "base64 of something else";
}

/** RFC 1952, section 2.3.1. */
const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

const BYTE_ORDER_MARK = 0xfeff;

/** The text without the byte order mark that it may begin with. */
export const withoutMark = (text: string): string => (text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text);

const refuse = (error: RejectionCode): Result<never, RejectionCode> => ({ ok: false, error });

const WRONG = refuse("body.wrapping");

const STEPS: Readonly<
  Record<Exclude<WrappingStep, "sns" | "s3">, (content: Content) => Result<Content, RejectionCode>>
> = {
  base64: onText(readBase64),
  // In a text, gzip comes as base64: `base64` before it may be left out.
  gzip(content) {
    if (typeof content !== "string") return inflate(content);
    const bytes = readBase64(withoutMark(content));
    return bytes.ok ? inflate(bytes.value) : bytes;
  },
  json: onText(readJsonString),
};

function onText<Value>(read: (text: string) => Result<Value, RejectionCode>) {
  return (content: Content): Result<Value, RejectionCode> => {
    const text = textOf(content);
    return text.ok ? read(text.value) : text;
  };
}

function textOf(content: Content): Result<string, RejectionCode> {
  if (typeof content === "string") return { ok: true, value: withoutMark(content) };
  // What is no UTF-8 would be decoded to other characters.
  if (!isUtf8(content)) return WRONG;
  return { ok: true, value: withoutMark(Buffer.from(content.buffer, content.byteOffset, content.length).toString()) };
}

/** RFC 4648 sections 4 and 5, and both mixed: each of them is one value. */
const NO_BASE64 = /[^A-Za-z0-9+/_-]/;

/** With or without padding, on one line or on several as MIME writes it. `Buffer` skips what is no base64. */
function readBase64(text: string): Result<Uint8Array, RejectionCode> {
  const lines = withoutLineEnds(text.trim());
  const digits = lines.replace(/={1,2}$/, "");
  const isPadded = digits.length < lines.length;
  if (NO_BASE64.test(digits) || digits.length % 4 === 1 || (isPadded && lines.length % 4 !== 0)) return WRONG;
  return { ok: true, value: Buffer.from(digits, "base64") };
}

const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const ASCII_END = 0x80;

/** By hand: a replacement takes five times as long for a text that has little else. What is not ASCII is no base64 anyway. */
function withoutLineEnds(text: string): string {
  if (!text.includes("\n")) return text;
  const chars = Buffer.alloc(text.length);
  let end = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= ASCII_END) return text;
    if (code !== LINE_FEED && (code !== RETURN || text.charCodeAt(at + 1) !== LINE_FEED)) chars[end++] = code;
  }
  return chars.toString("latin1", 0, end);
}

function inflate(bytes: Uint8Array): Result<Uint8Array, RejectionCode> {
  try {
    return { ok: true, value: gunzipSync(bytes, { maxOutputLength: BODY_BYTES_MAX }) };
  } catch (error) {
    const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    return isTooLarge ? refuse("body.too-large") : WRONG;
  }
}

const BEGINS_AS_STRING = /^[ \t\n\r]*"/;

/** JSON that was written as JSON once more. */
function readJsonString(text: string): Result<string, RejectionCode> {
  if (!BEGINS_AS_STRING.test(text)) return WRONG;
  try {
    return { ok: true, value: JSON.parse(text) as string };
  } catch {
    // The error's message quotes the text.
    return WRONG;
  }
}

interface NotificationRead extends Notification {
  readonly Message: string;
  readonly MessageAttributes?: unknown;
}

interface NoNotification {
  readonly code: RejectionCode;
  /** What it is as JSON instead, or that it is none. Left out: not asked. */
  readonly json?: unknown;
}

/** https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html */
function readNotification(content: Content): Result<NotificationRead, NoNotification> {
  const text = textOf(content);
  if (!text.ok) return { ok: false, error: { code: text.error } };
  const value = parseBoundedJson(text.value);
  const wrong = { ok: false, error: { code: "body.wrapping", json: value } } as const;
  if (!isObject(value)) return wrong;
  const { Type, Message } = value;
  if (Type === "SubscriptionConfirmation" || Type === "UnsubscribeConfirmation")
    return { ok: false, error: { code: "body.confirmation" } };
  return Type === "Notification" && typeof Message === "string"
    ? { ok: true, value: value as unknown as NotificationRead }
    : wrong;
}

function withAttributes(
  ofMessage: ReadonlyMap<string, string>,
  given: unknown,
  names: readonly string[],
): ReadonlyMap<string, string> {
  if (!isObject(given)) return ofMessage;
  let attributes: Map<string, string> | null = null;
  for (const name of names) {
    const attribute = Object.hasOwn(given, name) ? given[name] : null;
    // Of bytes there is base64: as of the message's own attributes, only texts are read.
    if (!isObject(attribute) || typeof attribute["Value"] !== "string" || attribute["Type"] === "Binary") continue;
    attributes ??= new Map(ofMessage);
    attributes.set(name, attribute["Value"]);
  }
  return attributes ?? ofMessage;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
