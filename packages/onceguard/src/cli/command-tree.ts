import type { EventEmitter } from "node:events";
import { stripVTControlCharacters } from "node:util";
import type { Argument, Command, Option } from "commander";

/** What stands in a place of the command line: nothing, something that a shell can complete, one of these words, or any text. */
export type Value = "none" | "text" | "file" | "folder" | "command" | readonly string[];

export interface OptionNode {
  /** `--store <url>`. */
  readonly flags: string;
  /** `--store`. */
  readonly names: readonly string[];
  readonly description: string;
  readonly value: Value;
  readonly isCommon: boolean;
}

export interface ArgumentNode {
  readonly name: string;
  readonly description: string;
  readonly value: Value;
  readonly isVariadic: boolean;
}

/** A command as its help, its completions and its manual see it: from what `commander` was told, so that none can lag behind. */
export interface CommandNode {
  /** `onceguard receipts show`. */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly usage: readonly string[];
  readonly arguments: readonly ArgumentNode[];
  /** Those of the command that it stands for by default as well. */
  readonly options: readonly OptionNode[];
  readonly commands: readonly CommandNode[];
  /** What follows the options in its help, by title: examples, exit codes. */
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

export function commandTree(command: Command, parents = ""): CommandNode {
  const help = command.createHelp();
  const path = `${parents}${command.name()}`;
  const standsFor = defaultOf(command);
  const options = [...help.visibleOptions(command), ...(standsFor ? help.visibleOptions(standsFor) : [])];
  const known = new Map(options.map((option) => [option.flags, optionNode(option, help.optionDescription(option))]));
  const own = command.registeredArguments;
  return {
    path,
    name: command.name(),
    summary: command.summary(),
    description: command.description(),
    usage: `${path} ${command.usage()}`.split("\n").map((one) => one.trim()),
    arguments: (own.length > 0 ? own : (standsFor?.registeredArguments ?? [])).map(argumentNode),
    options: [...known.values()],
    commands: help.visibleCommands(command).map((one) => commandTree(one, `${path} `)),
    sections: sectionsOf(command),
  };
}

/** The node and all below it, in the order of the help. */
export function walk(node: CommandNode): readonly CommandNode[] {
  return [node, ...node.commands.flatMap(walk)];
}

/** `onceguard receipts` is `onceguard receipts list`. Commander knows, and has no public way to ask. */
function defaultOf(command: Command): Command | undefined {
  const { _defaultCommandName: name } = command as unknown as { readonly _defaultCommandName?: string | null };
  return command.commands.find((one) => one.name() === name);
}

function optionNode(option: Option, description: string): OptionNode {
  const { flags, short, long, helpGroupHeading } = option;
  const names = [short, long].filter((one): one is string => one !== undefined && one !== null);
  const takes = option.required || option.optional;
  const value = takes ? offered(option, placeholderOf(flags)) : "none";
  return { flags, names, description, value, isCommon: helpGroupHeading !== undefined };
}

function argumentNode(argument: Argument): ArgumentNode {
  const { description, variadic: isVariadic } = argument;
  return { name: argument.name(), description, value: offered(argument, argument.name()), isVariadic };
}

function placeholderOf(flags: string): string {
  return /[<[]([\w=-]+)/.exec(flags)?.[1] ?? "";
}

const FILES: ReadonlySet<string> = new Set(["file", "path", "plan", "bundle"]);

function offered({ argChoices }: Option | Argument, placeholder: string): Value {
  if (argChoices && argChoices.length > 0) return argChoices;
  if (FILES.has(placeholder)) return "file";
  return placeholder === "folder" || placeholder === "command" ? placeholder : "text";
}

/** What `addHelpText("after")` was given, as the help itself would print it. */
function sectionsOf(command: Command): readonly Section[] {
  let text = "";
  const write = (part: string): void => {
    text += part;
  };
  (command as unknown as EventEmitter).emit("afterHelp", { error: false, command, write });
  const sections: { title: string; lines: string[] }[] = [];
  for (const line of stripVTControlCharacters(text).split("\n")) {
    if (/^\S.*:$/.test(line)) sections.push({ title: line.slice(0, -1), lines: [] });
    else if (line.trim() !== "") sections.at(-1)?.lines.push(line.trim());
  }
  return sections;
}
