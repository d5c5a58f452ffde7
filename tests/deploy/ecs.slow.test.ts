import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { findProgram, runProgram } from "../support/programs.ts";

it.skipIf(findProgram("cfn-lint") === null)("cfn-lint finds nothing wrong (needs cfn-lint from PyPI)", async () => {
  const file = fileURLToPath(new URL("../../deploy/ecs/piipe.yaml", import.meta.url));
  expect(await runProgram("cfn-lint", [file])).toMatchObject({ code: 0, output: "" });
});
