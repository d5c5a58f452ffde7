import * as z from "zod";
import { pipelineConfigSchema } from "./schema.ts";

/** The keywords that our schema uses, out of JSON Schema draft-07. */
export interface SchemaNode {
  readonly description?: string;
  readonly default?: string | number | boolean;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly items?: SchemaNode;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
}

/** The configuration as a program gives it: `definePipeline`'s side. */
export function inputSchema(): SchemaNode {
  return z.toJSONSchema(pipelineConfigSchema, {
    io: "input",
    target: "draft-7",
    // An optional mapping defaults to {} to fill in the defaults within: nothing to tell a reader.
    override: ({ jsonSchema: node }) => {
      if (node.type === "object") delete node.default;
    },
  }) as SchemaNode;
}

/** The configuration as `piipe.yaml` writes it, for editors: anything constrained may also be an environment reference. */
export function jsonSchema(): SchemaNode {
  return { title: "piipe.yaml", ...allowReferences(inputSchema()) } as SchemaNode;
}

const REFERENCE: SchemaNode = { type: "string", pattern: "\\$\\{[A-Za-z_]\\w*(:-[^}]*)?\\}" };

function allowReferences(node: SchemaNode): SchemaNode {
  if (node.type === "object") {
    const { properties, additionalProperties } = node;
    return {
      ...node,
      ...(properties && { properties: mapValues(properties, allowReferences) }),
      ...(typeof additionalProperties === "object" && { additionalProperties: allowReferences(additionalProperties) }),
    };
  }
  if (node.type === "array" && node.items !== undefined) return { ...node, items: allowReferences(node.items) };
  if (node.anyOf !== undefined) return { ...node, anyOf: node.anyOf.map(allowReferences) };
  const isFreeText = node.type === "string" && node.enum === undefined && node.pattern === undefined;
  if (isFreeText) return node;
  const { description, default: fallback, ...constraint } = node;
  return {
    ...(description !== undefined && { description }),
    ...(fallback !== undefined && { default: fallback }),
    anyOf: [constraint, REFERENCE],
  };
}

function mapValues(
  nodes: Readonly<Record<string, SchemaNode>>,
  change: (node: SchemaNode) => SchemaNode,
): Record<string, SchemaNode> {
  return Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, change(node)]));
}
