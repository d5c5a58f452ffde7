/** What a part of the benchmark has found, as text and as Markdown. */

/** @typedef {import("./statistics.mjs").Spread} Spread */

/**
 * @typedef {object} Section
 * @property {string} title
 * @property {string} about what was done, in a sentence or two
 * @property {readonly string[]} columns
 * @property {readonly (readonly string[])[]} rows
 * @property {readonly import("./goals.mjs").GoalResult[]} goals
 * @property {unknown} data the numbers behind it, for JSON
 */

const NONE = "–";

/**
 * @param {number | null} value
 * @param {number} digits after the point
 */
export function number(value, digits = 0) {
  if (value === null) return NONE;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * @param {Spread | null} spread
 * @param {number} digits
 */
export function range(spread, digits = 0) {
  if (spread === null) return NONE;
  const { median, min, max } = spread;
  const [middle, lowest, highest] = [median, min, max].map((value) => number(value, digits));
  return lowest === highest ? String(middle) : `${middle} (${lowest}–${highest})`;
}

/** @param {number | null} value */
export function times(value) {
  return value === null ? NONE : `${number(value, value < 10 ? 2 : 1)}×`;
}

/**
 * For JSON.
 * @param {Readonly<Record<string, Section>>} sections
 */
export function figuresOf(sections) {
  return Object.fromEntries(Object.entries(sections).map(([name, { goals, data }]) => [name, { goals, data }]));
}

/** @param {Section} section */
export function textOf({ title, about, columns, rows, goals }) {
  return [title, about, "", ...aligned([columns, ...rows]), "", ...goals.map((goal) => goalText(goal)), ""].join("\n");
}

/** @param {Section} section */
export function markdownOf({ title, about, columns, rows, goals }) {
  const row = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const rule = row(columns.map((_, index) => (index === 0 ? "---" : "---:")));
  const judged = goals.map((goal) => `- ${goalText(goal)}`);
  return [`### ${title}`, "", about, "", row(columns), rule, ...rows.map(row), "", ...judged, ""].join("\n");
}

/** @param {import("./goals.mjs").GoalResult} goal */
function goalText({ what, sense, limit, unit, measured, met }) {
  const digits = limit < 100 ? 2 : 0;
  const verdict = met === null ? "not measured" : met ? "met" : "MISSED";
  return `${verdict}: ${what}: ${number(measured, digits)} ${unit}, the goal is ${sense} ${number(limit, limit % 1 === 0 ? 0 : 1)}`;
}

/** @param {readonly (readonly string[])[]} rows */
function aligned(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
