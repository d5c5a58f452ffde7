import { XMLParser } from "fast-xml-parser";
import { MalformedReply } from "./reply-shape.ts";

/** Text, or elements by name. Every element is a list, so that one and many look the same. */
export type XmlNode = string | { readonly [name: string]: readonly XmlNode[] | string };

const NAMED_ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
const CODE_POINT_MAX = 0x10ffff;

function decodeEntity(whole: string, hex?: string, decimal?: string, name?: string): string {
  if (name !== undefined) return NAMED_ENTITIES[name] ?? whole;
  const codePoint = hex === undefined ? Number.parseInt(decimal ?? "", 10) : Number.parseInt(hex, 16);
  return codePoint <= CODE_POINT_MAX ? String.fromCodePoint(codePoint) : whole;
}

/** Resolves what XML 1.0 section 4.6 predefines and character references (4.1); leaves the rest as it stands. */
export function decodeEntities(text: string): string {
  return text.includes("&") ? text.replace(/&(?:#x([0-9a-fA-F]+)|#([0-9]+)|([a-z]+));/g, decodeEntity) : text;
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  parseTagValue: false,
  trimValues: false,
  jPath: false,
  isArray: () => true,
  // Its own decoder caps the number of entities, and a JSON body in XML is half made of &quot;.
  entityDecoder: {
    setExternalEntities() {},
    addInputEntities() {},
    reset() {},
    setXmlVersion() {},
    decode: decodeEntities,
  },
});

/**
 * Parses a reply. Values stay text; white space and line ends of values stay as they are.
 * @throws MalformedReply when the text is not XML.
 */
export function parseXml(text: string): XmlNode {
  // Servers that do not escape a carriage return mean it; a parser would make it a line feed (XML 1.0 section 2.11).
  const preserved = text.includes("\r") ? text.replaceAll("\r", "&#13;") : text;
  try {
    return parser.parse(preserved) as XmlNode;
  } catch {
    throw new MalformedReply("the reply is not XML");
  }
}

/** The child elements of that name: none when `node` is text. */
export function children(node: XmlNode | undefined, name: string): readonly XmlNode[] {
  if (node === undefined || typeof node === "string" || !Object.hasOwn(node, name)) return [];
  const found = node[name];
  return found === undefined || typeof found === "string" ? [] : found;
}

export function child(node: XmlNode | undefined, name: string): XmlNode | undefined {
  return children(node, name)[0];
}

/** The text of the child element of that name, or undefined when there is none or it holds elements. */
export function childText(node: XmlNode | undefined, name: string): string | undefined {
  const found = child(node, name);
  return typeof found === "string" ? found : undefined;
}
