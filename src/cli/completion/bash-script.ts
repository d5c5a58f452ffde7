import { type CompletedCommand, showWords, wordsAfter } from "./completion-model.ts";

/** Works with bash 3.2, which macOS has, and needs no package of completions. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const byPath = (textOf: (command: CompletedCommand) => string): string =>
    commands.map((command) => `    "${command.path}") echo "${textOf(command)}" ;;`).join("\n");
  const values = commands.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === null
        ? []
        : [`    ${flags.map((flag) => `"${path} ${flag}"`).join(" | ")}) echo "${showWords(value)}" ;;`],
    ),
  );
  return `# bash completion for piipe, as \`piipe completion bash\` prints it

# Each prints words, @file for the names of files, or @free for what only the user knows.
_piipe_words() {
  case "$1" in
${byPath((command) => showWords(wordsAfter(command)))}
  esac
}
_piipe_flags() {
  case "$1" in
${byPath(({ options }) => options.flatMap(({ flags }) => flags).join(" "))}
  esac
}
_piipe_value() {
  case "$1 $2" in
${values.join("\n")}
  esac
}

_piipe() {
  local at="" candidates="" word="" i
  local current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [ -n "$candidates" ]; then
      # The value of an option; Readline takes the = before it for a word.
      [ "$word" = "=" ] || candidates=""
    elif [ "$word" = "--" ]; then
      candidates="@free"
      break
    elif [[ "$word" == -* ]]; then
      candidates="$(_piipe_value "$at" "$word")"
    else
      case "\${at:+$at }$word" in
        ${commands
          .filter(({ path }) => path !== "")
          .map(({ path }) => `"${path}"`)
          .join(" | ")}) at="\${at:+$at }$word" ;;
      esac
    fi
  done
  if [ -z "$candidates" ]; then
    if [[ "$current" == -* ]]; then
      candidates="$(_piipe_flags "$at")"
    else
      candidates="$(_piipe_words "$at")"
    fi
  fi
  [ "$current" = "=" ] && current=""
  case "$candidates" in
    @free) ;;
    @file)
      compopt -o filenames 2>/dev/null
      local IFS=$'\\n'
      COMPREPLY=($(compgen -f -- "$current"))
      ;;
    *) COMPREPLY=($(compgen -W "$candidates" -- "$current")) ;;
  esac
}
complete -F _piipe piipe
`;
}
