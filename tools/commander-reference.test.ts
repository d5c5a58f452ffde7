import { Command } from "commander";
import { expect, it } from "vitest";
import { commanderReference } from "./commander-reference.mjs";

it("describes each command that the help lists, and what concerns all of them", () => {
  const program = new Command("piipe").description("Lands events.");
  program
    .command("run")
    .summary("run it")
    .description("Runs the pipeline.")
    .addHelpText("before", "Examples:\n  piipe run --json\n")
    .argument("[table]", "where to")
    .option("-c, --config <file>", "the file | its path", "piipe.yaml");
  program.command("keys").description("work with keys").command("new").description("Makes a key.");
  program.command("secret", { hidden: true }).description("not shown");

  expect(commanderReference(program, { "Exit codes": [["0", "done"]], Files: [["piipe.yaml", "the configuration"]] }))
    .toBe(`| command | meaning |
| --- | --- |
| [\`piipe run\`](#piipe-run) | run it |
| [\`piipe keys\`](#piipe-keys) | work with keys |
| [\`piipe keys new\`](#piipe-keys-new) | Makes a key. |

## \`piipe\`

Lands events.

\`\`\`text
piipe [options] [command]
\`\`\`

## \`piipe run\`

Runs the pipeline.

\`\`\`text
piipe run [options] [table]
\`\`\`

\`\`\`text
Examples:
  piipe run --json
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

## Exit codes

|  | meaning |
| --- | --- |
| 0 | done |

## Files

|  | meaning |
| --- | --- |
| \`piipe.yaml\` | the configuration |
`);
});
