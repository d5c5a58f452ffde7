import { packageVersion } from "../../app/package-version.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import type { Terminal } from "../terminal.ts";

export async function versionCommand(
  { json }: { readonly json: boolean },
  { writeOut, nodeVersion }: Terminal,
): Promise<ExitCode> {
  const version = packageVersion();
  writeOut(json ? `${JSON.stringify({ piipe: version, node: nodeVersion })}\n` : `${version}\n`);
  return EXIT_CODES.done;
}
