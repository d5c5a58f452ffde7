/** The bounds on one event. They cap the work and the memory that a single hostile message can cost. */

/** Bytes of a body, as received and at each step of unpacking it: SQS's own limit since August 2025. */
export const BODY_BYTES_MAX = 1_048_576;

/** Nesting of objects and arrays, the event itself being 1. Deep enough for any event, far from a stack overflow. */
export const DEPTH_MAX = 100;

/** Keys of all objects of an event together: what the walk over the parsed event may cost. */
export const KEYS_MAX = 1_000;

/** Objects and arrays of an event: each takes the parser many times as long as a number. A list of coordinates has 12,000. */
export const CONTAINERS_MAX = 16_384;

/** Values of an event with an escaped key: they are read in a way that takes many times as long as `JSON.parse`. */
export const VALUES_BESIDE_ESCAPED_KEYS_MAX = 20_000;

/** Characters (code points) of one text or key that is stored or masked. */
export const STRING_CHARS_MAX = 65_536;

/** Characters of one stored number as written. A double needs 25 at most; the rest could only be lost. */
export const NUMBER_CHARS_MAX = 64;

/** Digits before and behind the point of an exact number, and characters of one as written: what numeric(p, s) reaches. */
export const DECIMAL_DIGITS_MAX = 1_000;

/** Elements of one stored array: more than an embedding has. */
export const ARRAY_ELEMENTS_MAX = 4_096;

/** Characters of a timestamp as written: the longest form with nanoseconds has 35. */
export const TIMESTAMP_CHARS_MAX = 64;

/** Values that are masked inside the json columns of an event: each costs a token, and most are longer masked than raw. */
export const INNER_VALUES_MAX = 4_096;

/** Rows of a message, in all tables: as many as a batch has at most. */
export const ROWS_MAX = 10_000;

/** Characters of the texts in the rows of a message: what lies above the elements of an array is in the row of each. */
export const ROWS_CHARS_MAX = 4 * BODY_BYTES_MAX;

/** Keys of an event whose elements have rows of their own: so many rows of several columns are usual. */
export const KEYS_IN_ROWS_MAX = 50_000;
