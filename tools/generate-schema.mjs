/**
 * Writes what is made from the configuration's schema: piipe.schema.json and src/config/pipeline-config.ts.
 * With --check it writes nothing, and fails when a file is not what it would write. Reads the built schema: build first.
 */
import { renderConfigTypes } from "./render-config-types.mjs";
import { writeGenerated } from "./write-generated.mjs";

const root = new URL("../", import.meta.url);
/** @type {typeof import("../src/config/json-schema.ts")} */
const { inputSchema, jsonSchema } = await import(new URL("dist/config/json-schema.js", root).href);
await writeGenerated({
  "piipe.schema.json": JSON.stringify(jsonSchema()),
  "src/config/pipeline-config.ts": renderConfigTypes(inputSchema()),
});
