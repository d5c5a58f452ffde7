import type { S3Object } from "../pipeline/contracts.ts";

/**
 * What AWS's Extended Client libraries send in the place of a large message: `["CLASS",{"s3BucketName":"…","s3Key":"…"}]`,
 * with the class's name of the Java library and of the Python one, or that of the Java library's first version
 * (https://github.com/awslabs/payload-offloading-java-common-lib-for-aws,
 * https://github.com/awslabs/amazon-sqs-python-extended-client-lib).
 */
const BEGINS_AS_POINTER =
  /^[\ufeff \t\r\n]*\[[ \t\r\n]*"(?:software\.amazon\.payloadoffloading\.PayloadS3Pointer|com\.amazon\.sqs\.javamessaging\.MessageS3Pointer)"/;

/** A key of 1,024 bytes with every character escaped, and more room around it than any library leaves. */
const POINTER_CHARS_MAX = 8_192;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const KEY_BYTES_MAX = 1_024;

/** Whether the text is a pointer, be it one that can be followed or not. */
export const isPointer = (text: string): boolean => BEGINS_AS_POINTER.test(text);

/** null: it is no pointer, or one that names no bucket and key that S3 could have. */
export function readPointer(text: string): S3Object | null {
  if (text.length > POINTER_CHARS_MAX || !isPointer(text)) return null;
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    // The error's message quotes the text.
    return null;
  }
  const place: unknown = Array.isArray(value) && value.length === 2 ? value[1] : null;
  if (typeof place !== "object" || place === null) return null;
  const { s3BucketName: bucket, s3Key: key } = place as { readonly s3BucketName?: unknown; readonly s3Key?: unknown };
  if (typeof bucket !== "string" || !BUCKET.test(bucket) || typeof key !== "string") return null;
  const isKey = key !== "" && key.isWellFormed() && Buffer.byteLength(key) <= KEY_BYTES_MAX;
  return isKey ? { bucket, key } : null;
}
