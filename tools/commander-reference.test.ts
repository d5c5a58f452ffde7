import { Command } from "commander";
import { expect, it } from "vitest";
import { commanderReference } from "./commander-reference.mjs";

it("describes each command that the help lists", () => {
  const program = new Command("piipe").description("Lands events.");
  program
    .command("run")
    .description("Runs the pipeline.")
    .addHelpText("before", "Examples:\n  piipe run --json\n")
    .argument("[table]", "where to")
    .option("-c, --config <file>", "the file | its path", "piipe.yaml");
  program.command("keys").description("work with keys").command("new").description("Makes a key.");
  program.command("secret", { hidden: true }).description("not shown");

  expect(commanderReference(program)).toBe(`## \`piipe\`

Lands events.

\`\`\`text
piipe [options] [command]
\`\`\`

## \`piipe run\`

Runs the pipeline.

\`\`\`text
Examples:
  piipe run --json
\`\`\`

\`\`\`text
piipe run [options] [table]
\`\`\`

| argument | meaning |
| --- | --- |
| \`table\` | where to |

| option | meaning |
| --- | --- |
| \`-c, --config <file>\` | the file \\| its path (default: "piipe.yaml") |

## \`piipe keys\`

Work with keys.

\`\`\`text
piipe keys [options] [command]
\`\`\`

## \`piipe keys new\`

Makes a key.

\`\`\`text
piipe keys new [options]
\`\`\`
`);
});
