const BEYOND_ASCII = /[\u0080-\uffff]/;
/** No text in use has more marks on one character than 30: UAX #15 section 13. */
const LONG_RUN = /(\p{M}{31,})/u;

/**
 * NFC (UAX #15), in a time that the length of the text bounds. A longer run of combining marks stays as it is: bringing
 * n marks into order takes n² steps, which is two seconds for the longest text that an event may have.
 */
export function compose(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text;
  const parts = text.split(LONG_RUN);
  return parts.map((part, index) => (index % 2 === 0 ? part.normalize("NFC") : part)).join("");
}
