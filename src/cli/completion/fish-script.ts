import { type CompletedCommand, type CompletedOption, wordsAfter, type Words } from "./completion-model.ts";

export function fishScript(commands: readonly CompletedCommand[]): string {
  const paths = commands.map(({ path }) => path).filter((path) => path !== "");
  return `# fish completion for piipe, as \`piipe completion fish\` prints it

# Whether the words so far name this command.
function __piipe_at
  set -l at
  for word in (commandline -opc)[2..]
    set -l longer (string join ' ' $at $word)
    contains -- "$longer" ${paths.map(quoted).join(" ")}; and set at $at $word
  end
  test "$at" = "$argv[1]"
end

complete -c piipe -f
${commands.flatMap(linesOf).join("\n")}
`;
}

function linesOf(command: CompletedCommand): readonly string[] {
  const start = `complete -c piipe -n ${quoted(`__piipe_at ${quoted(command.path)}`)}`;
  const described = command.subcommands.map(({ name, description }) => `${start} -a ${name} -d ${quoted(description)}`);
  const argument = command.subcommands.length > 0 ? [] : argumentOf(wordsAfter(command), start);
  return [...described, ...argument, ...command.options.map((option) => `${start} ${optionOf(option)}`)];
}

function argumentOf(words: Words, start: string): readonly string[] {
  if (words.kind === "file") return [`${start} -F`];
  return words.kind === "words" && words.words.length > 0 ? [`${start} -a ${quoted(words.words.join(" "))}`] : [];
}

function optionOf({ flags, description, value }: CompletedOption): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...names, ...(value === null ? [] : [valueOf(value)]), `-d ${quoted(description)}`].join(" ");
}

function valueOf(value: Words): string {
  if (value.kind === "file") return "-r -F";
  return value.kind === "words" ? `-x -a ${quoted(value.words.join(" "))}` : "-x";
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
