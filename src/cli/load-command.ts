import type { Command } from "commander";
import { add, config, examples, type Execute, json } from "./define-command.ts";

interface LoadArguments {
  readonly config: string;
  readonly json?: boolean;
}

/** `piipe load`: events from files instead of the queue. */
export function addLoadCommand(program: Command, execute: Execute): void {
  examples(
    add(
      program,
      "load",
      "send the events of files through the pipeline, as if they had come from its queue, which is not asked: one event a line " +
        "(NDJSON), or a JSON array of them, either of them also as gzip. Each event of a file is stored once, however often the " +
        "file is loaded and whatever it is called: a load that was stopped or killed goes on where it was. `-` reads stdin, " +
        "which cannot be known again: what comes twice is stored twice. Each line is a message's body as it is on the queue: with " +
        "`unwrap`, still wrapped; nothing is fetched from S3",
    )
      .summary("send the events of files through the pipeline: a backfill")
      .argument("<file...>", "files, one after the other; - reads stdin")
      .addOption(config())
      .addOption(json())
      .action((files: readonly string[], options: LoadArguments) =>
        execute(async (terminal) => {
          const { loadCommand } = await import("./commands/load.ts");
          return loadCommand({ files, config: options.config, json: options.json ?? false }, terminal);
        }),
      ),
    [
      ["piipe load events-2025.ndjson.gz", "safe to interrupt and to repeat: what is stored is passed over"],
      ["piipe load --config orders.yaml exports/*.json", "several files, one after the other"],
      ["aws s3 cp s3://exports/events.ndjson - | piipe load -", "what no file holds; once"],
    ],
  );
}
