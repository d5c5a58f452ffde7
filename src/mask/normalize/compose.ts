const BEYOND_ASCII = /[\u0080-\uffff]/;
/** No text in use has more marks on one character than 30: UAX #15 section 13. */
const MARKS_MAX = 30;
/** The first combining mark of Unicode. */
const FIRST_MARK = 0x300;
const MARK = /\p{M}/u;

/**
 * NFC (UAX #15), in a time that the length of the text bounds. A longer run of combining marks stays as it is: bringing
 * n marks into order takes n² steps, which is two seconds for the longest text that an event may have.
 */
export function compose(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text;
  if (!mayHaveLongRun(text)) return text.normalize("NFC");
  let composed = "";
  let composedEnd = 0;
  let runStart = 0;
  let marks = 0;
  let at = 0;
  const leaveRun = (): void => {
    composed += text.slice(composedEnd, runStart).normalize("NFC") + text.slice(runStart, at);
    composedEnd = at;
  };
  while (at < text.length) {
    const point = text.codePointAt(at) ?? 0;
    if (isMark(point)) {
      if (marks === 0) runStart = at;
      marks += 1;
    } else {
      if (marks > MARKS_MAX) leaveRun();
      marks = 0;
    }
    at += point > 0xffff ? 2 : 1;
  }
  if (marks > MARKS_MAX) leaveRun();
  return composed + text.slice(composedEnd).normalize("NFC");
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

/** Planes 0 and 1. Beyond them are variation selectors alone, which have no order. */
const TABLE_END = 0x2_0000;
const UNKNOWN = 0;
const OTHER = 1;
const IS_MARK = 2;
/** What is known of each code point. A regular expression takes many times as long, and is asked once. */
const known = new Uint8Array(TABLE_END);

function isMark(point: number): boolean {
  if (point >= TABLE_END) return point >= 0xe_0100 && point <= 0xe_01ef;
  if (known[point] === UNKNOWN) known[point] = MARK.test(String.fromCodePoint(point)) ? IS_MARK : OTHER;
  return known[point] === IS_MARK;
}
