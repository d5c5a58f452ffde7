import type { ErrorCode } from "yaml";

/** What is wrong and what would be right. */
export type YamlFault = readonly [what: string, remedy: string];

const INDENT: YamlFault = [
  "the indentation does not fit, or a bracket above is not closed",
  "begin the keys of one mapping at the same column, with spaces, and close each [ and {",
];
const STRUCTURE: YamlFault = ["this is no YAML", "write `key: value`, and put texts with special characters in quotes"];
const PLAIN: YamlFault = ["anchors, tags and directives are not supported", "write the plain value"];

/** In our own words: the parser's would quote the file. Exhaustive, so that an update of the parser shows here. */
export const YAML_FAULTS: Readonly<Record<ErrorCode, YamlFault>> = {
  ALIAS_PROPS: PLAIN,
  BAD_ALIAS: PLAIN,
  BAD_COLLECTION_TYPE: PLAIN,
  BAD_DIRECTIVE: PLAIN,
  BAD_DQ_ESCAPE: [
    "an escape in a double-quoted text is unknown",
    "double the backslash, or put the text in single quotes",
  ],
  BAD_INDENT: INDENT,
  BAD_PROP_ORDER: PLAIN,
  BAD_SCALAR_START: [
    "a text begins with a character that YAML keeps for itself",
    'put it in quotes, as in from: "@sent_at"',
  ],
  BLOCK_AS_IMPLICIT_KEY: ["a second `key:` stands on the line", "put it on its own line, or the text in quotes"],
  BLOCK_IN_FLOW: ["a bracket is not closed", "close it before the next line's key, or use no brackets"],
  DUPLICATE_KEY: ["the key is there twice", "keep one of them"],
  IMPOSSIBLE: STRUCTURE,
  KEY_OVER_1024_CHARS: ["a key is too long", "check that a quote is not missing"],
  MISSING_CHAR: ["a quote, bracket, comma or colon is missing", "add it"],
  MULTILINE_IMPLICIT_KEY: ["a text over several lines stands where a key is due", "write `key: value`"],
  MULTIPLE_ANCHORS: PLAIN,
  MULTIPLE_DOCS: ["the file holds several YAML documents", "keep one pipeline in a file, without a second ---"],
  MULTIPLE_TAGS: PLAIN,
  NON_STRING_KEY: ["a key is not text", "write a plain name before the colon"],
  RESOURCE_EXHAUSTION: ["the file is nested too deeply", "check its brackets"],
  TAB_AS_INDENT: ["a tab indents the line", "use spaces"],
  TAG_RESOLVE_FAILED: PLAIN,
  UNEXPECTED_TOKEN: STRUCTURE,
};

/** `{ rows: ${ROWS} }`: within brackets YAML takes the reference's own brace for another mapping. */
export const REFERENCE_IN_BRACKETS: YamlFault = [
  "an environment reference stands within { } or [ ] without quotes",
  'put it in quotes: "${NAME}"',
];
export const EMPTY_FILE: YamlFault = ["the file is empty", "it must have the keys source, sink and columns"];
export const ANCHOR: YamlFault = PLAIN;
