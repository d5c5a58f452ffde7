import { type Command, InvalidArgumentError } from "commander";
import { add, config, examples, type Execute, json } from "./define-command.ts";

interface DuplicatesArguments {
  readonly column?: string;
  readonly min: number;
  readonly user?: string;
  readonly time?: string;
  readonly limit: number;
  readonly config: string;
  readonly json?: boolean;
}

/** `piipe duplicates`. */
export function addDuplicatesCommand(program: Command, execute: Execute): void {
  examples(
    add(program, "duplicates", "list the masked values that occur for several users, or several times")
      .option("--column <name>", "one masked column instead of all")
      .option("--min <rows>", "list a value of one user from so many rows on; one of several users always", rowsMin, 2)
      .option("--user <column>", "who is a user (default: the column user_id, if there is one)")
      .option("--time <column>", "when it was seen (default: the column from @sent_at, else the first date or time)")
      .option("--limit <values>", "list so many of each column, most users first", limit, 20)
      .addOption(config())
      .addOption(json())
      .action((options: DuplicatesArguments) =>
        execute(async (terminal) => {
          const { duplicatesCommand } = await import("./commands/duplicates.ts");
          return duplicatesCommand(
            {
              config: options.config,
              column: options.column ?? null,
              rowsMin: options.min,
              user: options.user ?? null,
              time: options.time ?? null,
              limit: options.limit,
              json: options.json ?? false,
            },
            terminal,
          );
        }),
      ),
    [
      ["piipe duplicates", "devices and addresses that several users share, across key versions"],
      [
        "piipe duplicates --column masked_ip --min 10 --limit 50",
        "one column; of a single user's values only frequent ones",
      ],
      ["piipe duplicates --json | jq '.columns[].values[].token'", "for a script; --limit counts there too"],
    ],
  );
}

function rowsMin(text: string): number {
  return whole(text, 2, 1_000_000_000);
}

function limit(text: string): number {
  return whole(text, 1, 1_000_000);
}

function whole(text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  }
  return value;
}
