/** The repository's own lint rules: the dependency rule, and a public API that only re-exports. */
import { dirname, relative, resolve, sep } from "node:path";
import { OWN_SQL, PACKAGE_OWNERS, WITHOUT_SQL, layerOf } from "./layers.mjs";

/**
 * The part of ESTree that the rules read.
 * @typedef {{ value?: unknown }} Literal
 * @typedef {{ importKind?: string, exportKind?: string, imported?: { name?: string }, local?: { name?: string } }} Specifier
 * @typedef {{ type: string, source?: Literal | null, specifiers?: Specifier[], importKind?: string, exportKind?: string }} Node
 * @typedef {{ cwd: string, filename: string, report: (problem: { node: Literal | Node, message: string }) => void }} Context
 */

/**
 * @typedef {object} Wanted what an import asks of a module
 * @property {boolean} typesOnly
 * @property {readonly string[] | null} names null: the whole module
 */

/**
 * @param {string} file relative to the repository
 * @param {string} specifier
 * @param {Wanted} wanted
 * @returns {string | null} why the import is refused
 */
function refusal(file, specifier, wanted) {
  const layer = layerOf(file);
  if (layer === undefined) return `${file} belongs to no layer: give it one in tools/layers.mjs.`;
  if (specifier.startsWith(".")) return refusalOfFile(layer, resolve("/", dirname(file), specifier), wanted);
  if (specifier.startsWith("node:")) return refusalOfBuiltin(layer, specifier, wanted);

  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const owners = PACKAGE_OWNERS.get(name);
  if (owners === undefined || owners.includes(layer.name)) return null;
  return `Only ${owners.join(", ")} may import ${name}.`;
}

/**
 * @param {import("./layers.mjs").Layer} layer
 * @param {string} path absolute, as if the repository were the root
 * @param {Wanted} wanted
 */
function refusalOfFile(layer, path, wanted) {
  const target = relative(resolve("/"), path).split(sep).join("/");
  // Files beside the sources, such as package.json, belong to no layer.
  if (!target.startsWith("src/")) return null;
  const targetLayer = layerOf(target);
  if (targetLayer === undefined) return `${target} belongs to no layer: give it one in tools/layers.mjs.`;
  if (targetLayer === layer || layer.may.includes(targetLayer.name)) return null;
  if (!layer.mayTypes?.includes(targetLayer.name)) return `${layer.name} may not import ${targetLayer.name}.`;
  return wanted.typesOnly ? null : `${layer.name} may import only types of ${targetLayer.name}: \`import type\`.`;
}

/**
 * @param {import("./layers.mjs").Layer} layer
 * @param {string} specifier
 * @param {Wanted} wanted
 */
function refusalOfBuiltin(layer, specifier, wanted) {
  if (layer.builtins === undefined) return null;
  const isAllowed = layer.builtins.some((entry) => {
    const [module, exports] = entry.split("#");
    if (module !== specifier) return false;
    return exports === undefined || (wanted.names?.every((name) => exports.split(",").includes(name)) ?? false);
  });
  return isAllowed ? null : `${layer.name} does no I/O and may not import this from ${specifier}.`;
}

/** @param {Specifier[] | undefined} specifiers */
const areTypes = (specifiers) =>
  specifiers !== undefined &&
  specifiers.length > 0 &&
  specifiers.every((each) => each.importKind === "type" || each.exportKind === "type");

const layering = {
  /** @param {Context} context */
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join("/");
    /**
     * @param {Literal | null | undefined} source
     * @param {Wanted} wanted
     */
    function check(source, wanted) {
      if (typeof source?.value !== "string") return;
      const message = refusal(file, source.value, wanted);
      if (message !== null) context.report({ node: source, message: `${message} The rule is in tools/layers.mjs.` });
    }
    return {
      /** @param {Node} node */
      ImportDeclaration: (node) =>
        check(node.source, {
          typesOnly: node.importKind === "type" || areTypes(node.specifiers),
          names: (node.specifiers ?? []).map((each) => each.imported?.name ?? "*"),
        }),
      /** @param {Node} node */
      ExportNamedDeclaration: (node) =>
        check(node.source, {
          typesOnly: node.exportKind === "type" || areTypes(node.specifiers),
          names: (node.specifiers ?? []).map((each) => each.local?.name ?? "*"),
        }),
      /** @param {Node} node */
      ExportAllDeclaration: (node) => check(node.source, { typesOnly: node.exportKind === "type", names: null }),
      /** @param {Node} node */
      ImportExpression: (node) => check(node.source, { typesOnly: false, names: null }),
      /** @param {Node} node */
      TSImportType: (node) => check(node.source, { typesOnly: true, names: null }),
    };
  },
};

const sqlInPlace = {
  /** @param {Context} context */
  create(context) {
    const layer = layerOf(relative(context.cwd, context.filename).split(sep).join("/"))?.name ?? "";
    /**
     * @param {Literal | Node} node
     * @param {unknown} text
     */
    function check(node, text) {
      if (typeof text !== "string") return;
      if (layer !== OWN_SQL.owner && OWN_SQL.pattern.test(text)) {
        context.report({ node, message: `Only ${OWN_SQL.owner} holds statements about piipe's own tables.` });
      } else if (WITHOUT_SQL.layers.includes(layer) && WITHOUT_SQL.pattern.test(text)) {
        context.report({ node, message: `${layer} holds no statements: ask through app.` });
      }
    }
    return {
      /** @param {Literal} node */
      Literal: (node) => check(node, node.value),
      /** @param {Node & { value: { cooked?: string | null } }} node */
      TemplateElement: (node) => check(node, node.value.cooked),
    };
  },
};

const onlyReExports = {
  /** @param {Context} context */
  create: (context) => ({
    /** @param {{ body: Node[] }} program */
    Program(program) {
      for (const node of program.body) {
        const isNamedReExport = node.type === "ExportNamedDeclaration" && node.source;
        if (node.type === "ExportAllDeclaration" || isNamedReExport) continue;
        context.report({ node, message: "The public API only re-exports: define this in a file of its own." });
      }
    },
  }),
};

export default {
  meta: { name: "piipe" },
  rules: { layering, "only-re-exports": onlyReExports, "sql-in-place": sqlInPlace },
};
