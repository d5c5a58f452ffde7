/** What a delivery holds of a message, in UTF-8: a message may have its bytes in its attributes instead of its body. */
export function bytesOf(body: string, attributes: ReadonlyMap<string, string>): number {
  let bytes = Buffer.byteLength(body);
  for (const value of attributes.values()) bytes += Buffer.byteLength(value);
  return bytes;
}
