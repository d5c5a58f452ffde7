import { jsonSchema } from "../../config/json-schema.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import type { Terminal } from "../terminal.ts";

export async function schemaCommand({ writeOut }: Terminal): Promise<ExitCode> {
  writeOut(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
  return EXIT_CODES.done;
}
