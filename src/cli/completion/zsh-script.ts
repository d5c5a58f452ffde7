import { type CompletedCommand, showWords, wordsAfter } from "./completion-model.ts";

/** For a folder of `fpath`, or to be sourced after `compinit`. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  const cases = (linesOf: (command: CompletedCommand) => string): string =>
    commands.map((command) => `    ${quoted(command.path)}) ${linesOf(command)} ;;`).join("\n");
  const described = (pairs: ReadonlyArray<readonly [string, string]>): string =>
    `candidates=(${pairs.map(([word, description]) => quoted(`${word}:${description}`)).join(" ")})`;
  const values = commands.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === null
        ? []
        : [`    ${flags.map((flag) => quoted(`${path} ${flag}`)).join("|")}) kind=${quoted(showWords(value))} ;;`],
    ),
  );
  return `#compdef piipe
# zsh completion for piipe, as \`piipe completion zsh\` prints it

# Sets kind to words, @file for the names of files, or @free for what only the user knows.
_piipe_value() {
  case "$1 $2" in
${values.join("\n")}
  esac
}

_piipe() {
  local at="" kind="" word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n "$kind" ]]; then
      kind=""
    elif [[ "$word" == "--" ]]; then
      kind="@free"
      break
    elif [[ "$word" == -* ]]; then
      _piipe_value "$at" "$word"
    else
      case "\${at:+$at }$word" in
        ${commands
          .filter(({ path }) => path !== "")
          .map(({ path }) => quoted(path))
          .join("|")}) at="\${at:+$at }$word" ;;
      esac
    fi
  done
  if [[ -z "$kind" && "$PREFIX" == --*=* ]]; then
    _piipe_value "$at" "\${PREFIX%%=*}"
    compset -P '*='
  elif [[ -z "$kind" && "$PREFIX" == -* ]]; then
    case "$at" in
${cases(({ options }) => described(options.flatMap(({ flags, description }) => flags.map((flag) => [flag, description] as const))))}
    esac
    _describe -o option candidates
    return
  elif [[ -z "$kind" ]]; then
    case "$at" in
${cases((command) =>
  command.subcommands.length > 0
    ? described(command.subcommands.map(({ name, description }) => [name, description] as const))
    : `kind=${quoted(showWords(wordsAfter(command)))}`,
)}
    esac
    if (( \${#candidates} )); then
      _describe command candidates
      return
    fi
  fi
  case "$kind" in
    ''|@free) ;;
    @file) _files ;;
    *) compadd -- \${=kind} ;;
  esac
}

if [[ "\${funcstack[1]}" == "_piipe" ]]; then
  _piipe "$@"
else
  compdef _piipe piipe
fi
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
