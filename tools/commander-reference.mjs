/** @typedef {import("commander").Command} Command */

/**
 * The reference of a command line as Markdown, a section for each command: what it does, the texts added to its help
 * (the examples), its arguments and options.
 * @param {Command} program
 * @returns {string}
 */
export function commanderReference(program) {
  return commandsOf(program).map(section).join("\n");
}

/**
 * @param {Command} command
 * @returns {Command[]} itself, then the commands below it that its help lists, in their order
 */
function commandsOf(command) {
  const children = command.createHelp().visibleCommands(command);
  return [command, ...children.filter((child) => child.name() !== "help").flatMap(commandsOf)];
}

/** @param {Command} command */
function section(command) {
  const help = command.createHelp();
  const argumentRows = help
    .visibleArguments(command)
    .map((each) => row(`\`${help.argumentTerm(each)}\``, help.argumentDescription(each)));
  const optionRows = help
    .visibleOptions(command)
    .filter((option) => option.long !== "--help")
    .map((option) => row(`\`${help.optionTerm(option)}\``, help.optionDescription(option)));
  return [
    `## \`${pathOf(command)}\``,
    sentence(command.description()),
    fence(helpText(command, "beforeHelp")),
    fence(help.commandUsage(command)),
    table("argument", argumentRows),
    table("option", optionRows),
    fence(helpText(command, "afterHelp")),
  ]
    .filter((part) => part !== "")
    .map((part) => `${part}\n`)
    .join("\n");
}

/** @param {Command} command */
function pathOf(command) {
  /** @type {string[]} */
  const names = [];
  for (let each = /** @type {Command | null} */ (command); each !== null; each = each.parent)
    names.unshift(each.name());
  return names.join(" ");
}

/**
 * Commander keeps the texts of `addHelpText` as listeners of an event.
 * @param {Command} command
 * @param {"beforeHelp" | "afterHelp"} position
 */
function helpText(command, position) {
  let text = "";
  const write = (/** @type {string} */ part) => {
    text += part;
  };
  /** @type {import("node:events").EventEmitter} */ (/** @type {unknown} */ (command)).emit(position, {
    error: false,
    command,
    write,
  });
  return text.trim();
}

/** @param {string} text */
const sentence = (text) => (text === "" ? "" : `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`);

/** @param {string} text */
const fence = (text) => (text === "" ? "" : `\`\`\`text\n${text}\n\`\`\``);

/** @param {string[]} cells */
const row = (...cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;

/**
 * @param {string} title
 * @param {readonly string[]} rows
 */
const table = (title, rows) =>
  rows.length === 0 ? "" : [`| ${title} | meaning |`, "| --- | --- |", ...rows].join("\n");
