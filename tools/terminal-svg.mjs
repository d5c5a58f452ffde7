/** Draws what a program printed on a terminal as an SVG picture: text stays text, and nothing is loaded from elsewhere. */

const CHAR_WIDTH_PX = 8.4;
const LINE_HEIGHT_PX = 20;
const PADDING_PX = 20;
const BAR_HEIGHT_PX = 36;
const COLOURS = {
  background: "#12161d",
  bar: "#1d232d",
  text: "#d7dde7",
  dim: "#8590a2",
  /** By their codes in SGR (ECMA-48, 8.3.117). */
  foreground: /** @type {Readonly<Record<number, string>>} */ ({
    31: "#ff8a80",
    32: "#6bd596",
    33: "#f3bd63",
    34: "#7fabff",
    35: "#d6a5ff",
    36: "#6fd3e3",
  }),
};

/** @typedef {{ colour: string | null, isBold: boolean, isDim: boolean, isUnderlined: boolean }} Style */
/** @typedef {{ text: string, style: Style }} Cell */

const ESCAPE = String.fromCodePoint(0x1b);
/** A control sequence (ECMA-48, 5.4), what else an escape begins, or one character. */
const PARTS = new RegExp(`${ESCAPE}\\[[\\d;?]*[A-Za-z]|${ESCAPE}.?|[^${ESCAPE}]`, "gsu");
const STYLING = new RegExp(`^${ESCAPE}\\[[\\d;]*m$`);

/** @type {Style} */
const PLAIN = { colour: null, isBold: false, isDim: false, isUnderlined: false };

/**
 * @param {string} output as the program printed it
 * @param {string} title
 */
export function renderTerminal(output, title) {
  const lines = readLines(output);
  const columns = Math.max(...lines.map((line) => line.length), 40);
  const width = Math.ceil(columns * CHAR_WIDTH_PX + 2 * PADDING_PX);
  const height = Math.ceil(lines.length * LINE_HEIGHT_PX + 2 * PADDING_PX + BAR_HEIGHT_PX);
  const top = BAR_HEIGHT_PX + PADDING_PX + 14;
  const texts = lines
    .map((line, index) => renderLine(line, top + index * LINE_HEIGHT_PX))
    .filter((text) => text !== "");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<rect width="${width}" height="${height}" rx="10" fill="${COLOURS.background}"/>
<path d="M0 ${BAR_HEIGHT_PX}V10A10 10 0 0 1 10 0H${width - 10}A10 10 0 0 1 ${width} 10V${BAR_HEIGHT_PX}Z" fill="${COLOURS.bar}"/>
<g fill="#4a5364"><circle cx="22" cy="18" r="6"/><circle cx="42" cy="18" r="6"/><circle cx="62" cy="18" r="6"/></g>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="${COLOURS.text}">
<text x="${width / 2}" y="23" text-anchor="middle" fill="${COLOURS.dim}">${escape(title)}</text>
${texts.join("\n")}
</g>
</svg>
`;
}

/**
 * What stays on the screen: a carriage return goes back to the line's start, `CSI 2 K` clears it, `CSI … m` styles what
 * follows. Anything else that steers a terminal is refused, so that no picture shows what nobody saw.
 * @param {string} output
 * @returns {Cell[][]}
 */
function readLines(output) {
  /** @type {Cell[][]} */
  const lines = [[]];
  let column = 0;
  let style = PLAIN;
  for (const [part] of output.matchAll(PARTS)) {
    const line = lines.at(-1) ?? [];
    if (part === "\n") {
      lines.push([]);
      column = 0;
    } else if (part === "\r") {
      column = 0;
    } else if (part === `${ESCAPE}[2K`) {
      line.length = 0;
    } else if (STYLING.test(part)) {
      style = part.slice(2, -1).split(";").map(Number).reduce(restyle, style);
    } else if (part < " ") {
      throw new Error(`the terminal was steered in a way that is not drawn here: ${JSON.stringify(part)}`);
    } else {
      line[column] = { text: part, style };
      column += 1;
    }
  }
  while (lines.length > 0 && lines.at(-1)?.length === 0) lines.pop();
  return lines;
}

/**
 * @param {Style} style
 * @param {number} code
 * @returns {Style}
 */
function restyle(style, code) {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...style, isBold: true };
  if (code === 2) return { ...style, isDim: true };
  if (code === 4) return { ...style, isUnderlined: true };
  if (code === 22) return { ...style, isBold: false, isDim: false };
  if (code === 24) return { ...style, isUnderlined: false };
  if (code === 39) return { ...style, colour: null };
  const colour = COLOURS.foreground[code];
  if (colour === undefined) throw new Error(`there is no style for the code ${code}`);
  return { ...style, colour };
}

/**
 * Words that are more than a space apart are each put at their own place, so that columns stay straight in any font.
 * @param {Cell[]} line
 * @param {number} y
 */
function renderLine(line, y) {
  /** @type {{ column: number, text: string, style: Style }[]} */
  const runs = [];
  for (const [column, { text, style }] of line.entries()) {
    const last = runs.at(-1);
    if (last?.style === style) last.text += text;
    else runs.push({ column, text, style });
  }
  return runs
    .flatMap(({ column, text, style }) =>
      [...text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: words, index }) => ({ column: column + index, words, style })),
    )
    .map(({ column, words, style }) => {
      const x = (PADDING_PX + column * CHAR_WIDTH_PX).toFixed(1);
      const length = (words.length * CHAR_WIDTH_PX).toFixed(1);
      return `<text x="${x}" y="${y}" textLength="${length}"${attributes(style)}>${escape(words)}</text>`;
    })
    .join("");
}

/** @param {Style} style */
function attributes({ colour, isBold, isDim, isUnderlined }) {
  const fill = colour ?? (isDim ? COLOURS.dim : null);
  return (
    (fill === null ? "" : ` fill="${fill}"`) +
    (isBold ? ' font-weight="700"' : "") +
    (isUnderlined ? ' text-decoration="underline"' : "")
  );
}

/** @param {string} text */
function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
