/** Keeps the figures of a run: in results/last.json, and as tables in docs/performance.md. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { format } from "oxfmt";
import { machineText } from "./machine.mjs";
import { markdownOf } from "./report.mjs";

const root = new URL("../../", import.meta.url);
const PAGE = "docs/performance.md";
const RESULTS = "bench/results/last.json";
const BEGIN = "<!-- figures -->";
const END = "<!-- /figures -->";

/**
 * @param {{ machine: ReturnType<typeof import("./machine.mjs").describeMachine>, isQuick: boolean }} figures
 * @param {readonly import("./report.mjs").Section[]} sections
 */
export async function writeResults(figures, sections) {
  const page = await readFile(new URL(PAGE, root), "utf8");
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`${PAGE} has lost its marks ${BEGIN} and ${END}: put them back`);
  const origin = `${machineText(figures.machine)}${figures.isQuick ? ", a quick run" : ""}.`;
  const tables = [BEGIN, "", origin, "", ...sections.map(markdownOf)].join("\n");
  await write(PAGE, `${page.slice(0, from)}${tables}\n${page.slice(to)}`);
  await mkdir(new URL("./", new URL(RESULTS, root)), { recursive: true });
  await write(RESULTS, JSON.stringify(figures));
}

/**
 * Formatted, as every file here is.
 * @param {string} name
 * @param {string} source
 */
async function write(name, source) {
  const options = JSON.parse(await readFile(new URL(".oxfmtrc.json", root), "utf8"));
  const { code, errors } = await format(name, source, options);
  if (errors.length > 0) throw new Error(`oxfmt cannot format ${name}`);
  await writeFile(new URL(name, root), code);
}
