import { PACKAGE_VERSION } from "../../app/package-version.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import type { Terminal } from "../terminal.ts";

export async function versionCommand(
  { json }: { readonly json: boolean },
  { writeOut, nodeVersion }: Terminal,
): Promise<ExitCode> {
  writeOut(json ? `${JSON.stringify({ piipe: PACKAGE_VERSION, node: nodeVersion })}\n` : `${PACKAGE_VERSION}\n`);
  return EXIT_CODES.done;
}
