const BEYOND_ASCII = /[\u0080-\uffff]/;
/** No text in use has more marks on one character than 30: UAX #15 section 13. */
const MARKS_MAX = 30;
/** Looked for where a run begins and nowhere else, which would take thirty times as long. */
const LONG_RUN = /((?<!\p{M})\p{M}{31,})/u;
/** The first combining mark of Unicode. */
const FIRST_MARK = 0x300;

/**
 * NFC (UAX #15), in a time that the length of the text bounds. A longer run of combining marks stays as it is: bringing
 * n marks into order takes n² steps, which is two seconds for the longest text that an event may have.
 */
export function compose(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text;
  if (!mayHaveLongRun(text)) return text.normalize("NFC");
  const parts = text.split(LONG_RUN);
  return parts.map((part, index) => (index % 2 === 0 ? part.normalize("NFC") : part)).join("");
}

/** Whether so many characters stand together that may be marks. Cheaper than to ask which of them are. */
function mayHaveLongRun(text: string): boolean {
  let run = 0;
  for (let at = 0; at < text.length; at += 1) {
    run = text.charCodeAt(at) < FIRST_MARK ? 0 : run + 1;
    if (run > MARKS_MAX) return true;
  }
  return false;
}
