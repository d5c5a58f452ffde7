/** @typedef {import("../src/config/json-schema.ts").SchemaNode} SchemaNode */

const HEADER = `// Generated from schema.ts by tools/generate-schema.mjs. Do not edit.
// An interface of its own, since editors show the comments of properties but not a zod schema's descriptions.
`;
const COMMENT_CHARS_MAX = 100;

/**
 * The source of src/config/pipeline-config.ts: the configuration's type, with the schema's descriptions as TSDoc.
 * @param {SchemaNode} schema
 * @returns {string}
 */
export function renderConfigTypes(schema) {
  return `${HEADER}\n${comment(schema)}export interface PipelineConfig ${renderObject(schema)}\n`;
}

/** @param {SchemaNode} node @returns {string} */
function renderObject(node) {
  const members = Object.entries(node.properties ?? {}).map(([name, child]) => {
    const isRequired = node.required?.includes(name) === true;
    // `| undefined` lets a program pass on a setting that it may not have, under exactOptionalPropertyTypes too.
    const type = isRequired ? renderType(child) : `${renderType(child)} | undefined`;
    return `${comment(child)}${name}${isRequired ? "" : "?"}: ${type};`;
  });
  return `{\n${members.join("\n")}\n}`;
}

/** @param {SchemaNode} node @returns {string} */
function renderType(node) {
  if (Array.isArray(node.type)) return node.type.join(" | ");
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((name) => JSON.stringify(name)).join(" | ");
  if (node.anyOf !== undefined) return node.anyOf.map(renderType).join(" | ");
  if (node.items !== undefined) return `(${renderType(node.items)})[]`;
  if (typeof node.additionalProperties === "object") return `Record<string, ${renderType(node.additionalProperties)}>`;
  if (node.properties !== undefined) return renderObject(node);
  return node.type === "integer" ? "number" : String(node.type ?? "unknown");
}

/** @param {SchemaNode} node @returns {string} */
function comment({ description, default: fallback }) {
  if (description === undefined) return "";
  const defaultText = fallback === undefined ? "" : ` Default: ${fallback}.`;
  const lines = [""];
  for (const word of `${description}${defaultText}`.split(" ")) {
    const line = lines.pop() ?? "";
    if (line === "") lines.push(word);
    else if (line.length + word.length < COMMENT_CHARS_MAX) lines.push(`${line} ${word}`);
    else lines.push(line, word);
  }
  return lines.length === 1 ? `/** ${lines[0]} */\n` : `/**\n${lines.map((line) => ` * ${line}\n`).join("")} */\n`;
}
