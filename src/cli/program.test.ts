import { expect, it } from "vitest";
import { buildProgram } from "./program.ts";

/** What the command line says of wrong arguments; null: it takes them. */
async function refusalOf(...args: readonly string[]): Promise<string | null> {
  let told = "";
  const program = buildProgram(async () => {});
  for (const command of program.commands) command.configureOutput({ writeErr: (text) => (told += text) });
  try {
    await program.parseAsync(args, { from: "user" });
    return null;
  } catch {
    return told;
  }
}

it.each(["0", "65", "100", "-1", "1.5", "many", ""])("run refuses --workers “%s”", async (count) => {
  expect(await refusalOf("run", "--workers", count)).toContain("auto, or a whole number from 1 to 64");
});

it.each(["1", "64", "auto"])("run takes --workers %s", async (count) => {
  expect(await refusalOf("run", "--workers", count)).toBeNull();
});

it.each(["1", "0:1", "1:0", "1:2:3", "a:1"])("run refuses --as-worker %s", async (place) => {
  expect(await refusalOf("run", "--as-worker", place)).toContain("give --workers");
});
