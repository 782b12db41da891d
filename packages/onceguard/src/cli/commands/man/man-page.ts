import { type CommandNode, type OptionNode, type Section, walk } from "../../command-tree.ts";

const ENVIRONMENT: readonly (readonly [name: string, about: string])[] = [
  [
    "ONCEGUARD_STORE",
    "The store, where --store does not name one. A URL with a password belongs here, where ps does not show it.",
  ],
  ["ONCEGUARD_KEYS", "The file of keys of `onceguard serve` and `onceguard keys`."],
  ["NO_COLOR, FORCE_COLOR", "No colour on a terminal; colour also where there is none."],
];

const FILES: readonly (readonly [name: string, about: string])[] = [
  ["onceguard.config.ts, .js, .json", "The config of this folder: store, actions, rules, limits, notifiers."],
  ["onceguard.db", "The default store, a SQLite file."],
  [".onceguard-spill", "Outcomes that the store did not take; recorded by the next guard that finds them."],
  ["onceguard.keys.json", "Who may call `onceguard serve`."],
];

/** The manual of all commands in section 1, with the macros of man(7). Without a date, so that it is the same for every build. */
export function manPage(root: CommandNode, version: string): string {
  const commands = walk(root).slice(1);
  return [
    `.TH ${root.name.toUpperCase()} 1 "" "${root.name} ${version}" "User Commands"`,
    ".nh",
    ".ad l",
    ".SH NAME",
    `${root.name} \\- ${inline(root.description.replace(/\.$/, ""))}`,
    ".SH SYNOPSIS",
    ...[root, ...root.commands].flatMap(usageLines),
    ".SH DESCRIPTION",
    ...paragraphs(root.description),
    ...root.sections.flatMap((section) => [`.SH ${titleOf(section)}`, ...sectionLines(section)]),
    ".SH OPTIONS",
    ...root.options.flatMap(optionLines),
    ".SH COMMON OPTIONS",
    ...commonOptions(commands).flatMap(optionLines),
    ".SH COMMANDS",
    ...commands.flatMap(commandLines),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, about]) => item(name, about)),
    ".SH FILES",
    ...FILES.flatMap(([name, about]) => item(name, about)),
    ".SH SEE ALSO",
    "https://github.com/onceguard/onceguard/blob/main/docs/README.md",
  ].join("\n");
}

function commandLines({ path, usage, description, arguments: words, options, sections }: CommandNode): string[] {
  return [
    `.SS ${inline(path)}`,
    ...usageLines({ usage }),
    ...paragraphs(description),
    ...words.flatMap(({ name, description: about }) => item(name, about)),
    ...options.filter(({ isCommon }) => !isCommon).flatMap(optionLines),
    ...sections.flatMap((section) => [".PP", `.I ${inline(section.title)}`, ...sectionLines(section)]),
  ];
}

function usageLines({ usage }: Pick<CommandNode, "usage">): string[] {
  return usage.flatMap((one, n) => [n === 0 ? ".PP" : ".br", `.B ${inline(one)}`]);
}

/** Once for all commands. */
function commonOptions(commands: readonly CommandNode[]): readonly OptionNode[] {
  const common = commands.flatMap(({ options }) => options.filter(({ isCommon }) => isCommon));
  return [...new Map(common.map((option) => [option.flags, option])).values()];
}

function optionLines({ flags, description }: OptionNode): string[] {
  return item(flags, description);
}

function item(name: string, about: string): string[] {
  return [".TP", `.B ${inline(name)}`, inline(about === "" ? " " : about)];
}

/** As they stand: they are to be typed. */
function sectionLines({ lines }: Section): string[] {
  return [".PP", ".nf", ".RS 4", ...lines.map(inline), ".RE", ".fi"];
}

function titleOf({ title }: Section): string {
  return title === "Exit codes" ? "EXIT STATUS" : title.toUpperCase();
}

function paragraphs(text: string): string[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const lines = paragraph.split("\n");
    const isList = lines.some((line) => /^\s+- /.test(line));
    return isList ? [".PP", ".nf", ...lines.map(inline), ".fi"] : [".PP", ...lines.map((line) => inline(line.trim()))];
  });
}

/** No character of a text is a command to roff; a hyphen is one that can be copied, and no typographic one. */
function inline(text: string): string {
  const safe = text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti");
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}
