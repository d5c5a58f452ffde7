import { type Command, InvalidArgumentError } from "commander";
import { add, config, examples, type Execute, json } from "./define-command.ts";

interface SearchArguments {
  readonly user?: string;
  readonly reason?: string;
  readonly config: string;
  readonly json?: boolean;
}

const VALUE =
  "the raw value, after -- where it begins with -; left out or -: asked for, or the one line of stdin, and so in no history";

/** `piipe lookup`, `reveal` and `erase`: what can be done about one value. */
export function addTokenCommands(program: Command, execute: Execute): void {
  examples(
    addUnquoting(program, "lookup", "find the rows of a raw value by its tokens")
      .argument("<column>", "a masked column (inside JSON: context.ip), or the field or the key of some")
      .argument("[value]", VALUE)
      .option("--user <column>", "whose rows they are (default: the column user_id, if there is one)")
      .option("--limit <rows>", "print so many of the rows, as they are stored", limit, 10)
      .option("--reason <text>", "why, for the audit")
      .addOption(config())
      .addOption(json())
      .action((column: string, value: string | undefined, options: SearchArguments & { readonly limit: number }) =>
        execute(async (terminal) => {
          const { lookupCommand } = await import("./commands/lookup.ts");
          return lookupCommand({ ...searchOf(column, value, options), limit: options.limit }, terminal);
        }),
      ),
    [
      ["piipe lookup ip", "asks for the address, and finds it under every key version"],
      ["piipe lookup ip 199.172.111.135 --limit 0", "only the counts; the address stands in the shell's history"],
      ["piipe lookup device_id --json < device.txt | jq .users", "for a script"],
    ],
  );

  examples(
    addUnquoting(program, "erase", "delete the rows of a raw value, its links and its vault entries")
      .argument("<column>", "a masked column (inside JSON: context.ip), or the field or the key of some")
      .argument("[value]", VALUE)
      .option("--user <column>", "count what remains of the same users (default: the column user_id, if there is one)")
      .option("--set-null", "keep the rows, with NULL in every masked column and what is masked inside JSON")
      .option("--yes", "do not ask")
      .option("--reason <text>", "why, for the audit")
      .addOption(config())
      .addOption(json())
      .action(
        (
          column: string,
          value: string | undefined,
          options: SearchArguments & { readonly yes?: boolean; readonly setNull?: boolean },
        ) =>
          execute(async (terminal) => {
            const { eraseCommand } = await import("./commands/erase.ts");
            const { yes = false, setNull = false } = options;
            return eraseCommand({ ...searchOf(column, value, options), yes, setNull }, terminal);
          }),
      ),
    [
      ["piipe erase ip", "asks for the address, shows what would go and asks again"],
      ['piipe erase ip --yes --reason "request 4711" < address.txt', "without questions"],
      ["piipe erase email --set-null", "the rows stay, for sums and counts, and tell of nobody"],
    ],
  );

  examples(
    addUnquoting(program, "reveal", "print the original of a token")
      .argument("<column>", "a column with reveal: true, or with a reversible mask")
      .argument("[token]", "left out or -: asked for, or the one line of stdin")
      .requiredOption("--reason <text>", "why, for the audit")
      .option("--private-file <path>", "the private key, for a column with reveal: true", "piipe.private.json")
      .addOption(config())
      .addOption(json())
      .action(
        (
          column: string,
          token: string | undefined,
          options: {
            readonly reason: string;
            readonly privateFile: string;
            readonly config: string;
            readonly json?: boolean;
          },
        ) =>
          execute(async (terminal) => {
            const { revealCommand } = await import("./commands/reveal.ts");
            return revealCommand(
              {
                config: options.config,
                column,
                token,
                reason: options.reason,
                privateFile: options.privateFile,
                json: options.json ?? false,
              },
              terminal,
            );
          }),
      ),
    [['piipe reveal masked_ip h1_LhB1… --reason "fraud case 42"', "noted in piipe.audit before anything is opened"]],
  );
}

/** What is no option may be a value that begins with a dash: it is not quoted. */
function addUnquoting(program: Command, name: string, description: string): Command {
  return add(program, name, description).configureOutput({
    outputError: (text, write) =>
      write(text.replace(/(?<=unknown option) '.*'/s, "; a value that begins with - follows --")),
  });
}

function searchOf(column: string, value: string | undefined, options: SearchArguments) {
  return {
    config: options.config,
    column,
    value,
    user: options.user ?? null,
    reason: options.reason ?? null,
    json: options.json ?? false,
  };
}

function limit(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 10_000) throw new InvalidArgumentError("Give a whole number, at most 10000.");
  return value;
}
