/** @typedef {import("commander").Command} Command */
/** @typedef {ReadonlyArray<readonly [name: string, meaning: string]>} Topic */

/**
 * The reference of a command line as Markdown, in the order of a manual page: all commands in a list, then a section for
 * each (what it does, its synopsis, examples, arguments and options), then what concerns all of them.
 * @param {Command} program
 * @param {Readonly<Record<string, Topic>>} topics by their titles
 * @returns {string}
 */
export function commanderReference(program, topics) {
  const commands = commandsOf(program);
  return [
    overview(commands),
    ...commands.map(section),
    ...Object.entries(topics).map(([title, topic]) => topicSection(title, topic)),
  ].join("\n");
}

/**
 * @param {Command} command
 * @returns {Command[]} itself, then the commands below it that its help lists, in their order
 */
function commandsOf(command) {
  const children = command.createHelp().visibleCommands(command);
  return [command, ...children.filter((child) => child.name() !== "help").flatMap(commandsOf)];
}

/** @param {readonly Command[]} commands */
function overview(commands) {
  const rows = commands
    .filter((command) => command.parent !== null)
    .map((command) =>
      row(
        `[\`${pathOf(command)}\`](#${pathOf(command).replaceAll(" ", "-")})`,
        command.summary() || command.description(),
      ),
    );
  return `${table("command", rows)}\n`;
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
    fence(help.commandUsage(command)),
    fence(examplesOf(command)),
    table("argument", argumentRows),
    table("option", optionRows),
  ]
    .filter((part) => part !== "")
    .map((part) => `${part}\n`)
    .join("\n");
}

/**
 * @param {string} title
 * @param {Topic} topic
 */
function topicSection(title, topic) {
  const rows = topic.map(([name, meaning]) => row(/^\d+$/.test(name) ? name : `\`${name}\``, meaning));
  return `## ${title}\n\n${table("", rows)}\n`;
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
 * The text before the help. Commander keeps the texts of `addHelpText` as listeners of an event.
 * @param {Command} command
 */
function examplesOf(command) {
  let text = "";
  const write = (/** @type {string} */ part) => {
    text += part;
  };
  /** @type {import("node:events").EventEmitter} */ (/** @type {unknown} */ (command)).emit("beforeHelp", {
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
