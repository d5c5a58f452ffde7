import { DEPTH_MAX } from "../decode/limits.ts";
import { parseJson } from "../decode/parse-json.ts";
import { rawElementsOf } from "../decode/raw-value-at.ts";
import { scanJson } from "../decode/scan-json.ts";

/**
 * The message bodies that a sample stands for: the elements of a JSON array, a single object over several lines, or one
 * body a line (NDJSON), blank lines left out. What is no JSON as a whole is taken for lines.
 */
export function parseSample(text: string): readonly string[] {
  const sample = text.replace(/^\u{feff}/u, "");
  const whole = parseWhole(sample);
  // As they are written: a number may have more digits than are left of it once it is parsed.
  if (Array.isArray(whole)) return rawElementsOf(sample);
  if (typeof whole === "object" && whole !== null) return [sample];
  // Files that were put together have a mark where each began.
  const lines = sample.split(/\r?\n/).map((line) => line.replace(/^\u{feff}/u, ""));
  return lines.filter((line) => line.trim() !== "");
}

function parseWhole(text: string): unknown {
  const scan = scanJson(text);
  // The array is one level above its events; the parser would follow any depth.
  if (scan.depth > DEPTH_MAX + 1) return null;
  try {
    return parseJson(text, scan);
  } catch {
    // The error's message quotes the text.
    return null;
  }
}
