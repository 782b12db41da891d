import { type ArgumentNode, type CommandNode, type OptionNode, type Value, walk } from "../../command-tree.ts";
import { optionValues, pathsOf } from "./tables.ts";

export function fishCompletion(root: CommandNode): string {
  const lines = walk(root).flatMap((node) => [
    ...node.commands.map(({ name, summary }) => line(`${node.path} 0`, `-a ${quoted(name)}`, summary)),
    ...(node.commands.length > 0 ? [] : node.arguments.map((argument, n) => argumentLine(node.path, argument, n))),
    ...node.options.map((option) => line(node.path, optionFlags(option), option.description)),
  ]);
  return `# fish completion of ${root.name}: ${root.name} completion fish > ~/.config/fish/completions/${root.name}.fish

set -g __onceguard_paths ${pathsOf(root).map(quoted).join(" ")}
set -g __onceguard_values ${optionValues(root)
    .map(({ key }) => quoted(key))
    .join(" ")}

# The command that the words before the cursor have come to, and how many words behind it are none of its options.
function __onceguard_at
  set -l given 0
  set -l at ${quoted(root.path)}
  set -l is_value 0
  for word in (commandline -opc)[2..-1]
    if test $is_value = 1
      set is_value 0
    else if test "$word" = --
      set at "$at --"
      break
    else if contains -- "$at $word" $__onceguard_values
      set is_value 1
    else if contains -- "$at $word" $__onceguard_paths
      set at "$at $word"
      set given 0
    else if not string match -q -- '-*' "$word"
      set given (math $given + 1)
    end
  end
  echo "$at"
  echo "$at $given"
end

function __onceguard_is
  contains -- "$argv" (__onceguard_at)
end

complete -c ${root.name} -f
${lines.filter((one) => one !== null).join("\n")}`;
}

function line(path: string, what: string, about: string): string {
  const at = `-n ${quoted(`__onceguard_is ${path}`)}`;
  return `complete -c onceguard ${at} ${what}${about === "" ? "" : ` -d ${quoted(about)}`}`;
}

function optionFlags({ names, value }: OptionNode): string {
  const flags = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(" ");
  return value === "none" ? flags : `${flags} ${valueFlags(value)}`;
}

/** `-x`: a value, and no files. */
function valueFlags(value: Value): string {
  if (value === "file") return "-r -F";
  if (value === "folder") return "-x -a '(__fish_complete_directories)'";
  return typeof value === "string" ? "-x" : `-x -a ${quoted(value.join(" "))}`;
}

function argumentLine(path: string, { value, isVariadic }: ArgumentNode, n: number): string | null {
  if (value === "command") return line(`${path} --`, "-F -a '(__fish_complete_command)'", "");
  const at = isVariadic ? path : `${path} ${n}`;
  if (value === "file") return line(at, "-F", "");
  if (value === "folder") return line(at, "-a '(__fish_complete_directories)'", "");
  return typeof value === "string" ? null : line(at, `-a ${quoted(value.join(" "))}`, "");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
