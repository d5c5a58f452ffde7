import assert from "node:assert/strict";
import { PiipeError, definePipeline } from "piipe";
import manifest from "piipe/package.json" with { type: "json" };
import schema from "piipe/piipe.schema.json" with { type: "json" };

assert.equal(typeof definePipeline, "function");
assert.ok(new PiipeError("config.invalid", "text") instanceof Error);
assert.equal(manifest.name, "piipe");
assert.ok(schema.properties.columns);
