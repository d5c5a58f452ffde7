import { detect } from "../mask/leak/detect.ts";

/** Long enough for any field that a person named; PostgreSQL's identifiers have 63 bytes. */
const NAME_CHARS_MAX = 48;
/**
 * As programs name things, also with periods between names, or an `@` before them. Nothing of YAML's or the environment's own
 * signs.
 */
const NAME = /^@?[\p{L}_][\p{L}\p{M}\p{N}_-]*(?:\.[\p{L}_][\p{L}\p{M}\p{N}_-]*)*$/u;
/** A run of digits as long as this numbers something, or someone. */
const DIGITS = /\p{N}{5}/u;

/**
 * Whether a key is the name of a field, and not itself data: `{ "jane@example.org": 3 }` has a key that is. Only plain
 * names may be shown, or written into a configuration.
 */
export function isPlainName(key: string): boolean {
  return (
    key.length <= NAME_CHARS_MAX && key !== "__proto__" && NAME.test(key) && !DIGITS.test(key) && detect(key) === null
  );
}
