import { type CommandNode, type Value, walk } from "../../command-tree.ts";

/** One line of a shell's `case`: what it is for, and what is to be offered there. */
export interface Row {
  readonly key: string;
  readonly value: Value;
}

/** The commands that a word can enter: `onceguard receipts`. */
export function pathsOf(root: CommandNode): readonly string[] {
  return walk(root)
    .slice(1)
    .map(({ path }) => path);
}

/** `onceguard run --tier`, for every option that takes a value. */
export function optionValues(root: CommandNode): readonly Row[] {
  return walk(root).flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== "none")
      .flatMap(({ names, value }) => names.map((name) => ({ key: `${path} ${name}`, value }))),
  );
}

/** `onceguard halt 0`: what the first word behind a command is, when it is none of its commands. `*`: and all further ones. */
export function argumentValues(root: CommandNode): readonly Row[] {
  return walk(root).flatMap((node) =>
    node.commands.length > 0
      ? []
      : node.arguments.map(({ value, isVariadic }, n) => ({ key: `${node.path} ${isVariadic ? "*" : n}`, value })),
  );
}

/** Rows with the same answer, as one: `'a' | 'b') REPLY='...' ;;`. */
export function caseLines(rows: readonly Row[], indent: string): readonly string[] {
  const byValue = new Map<string, string[]>();
  for (const { key, value } of rows) {
    const reply = typeof value === "string" ? `:${value}` : value.join(" ");
    byValue.set(reply, [...(byValue.get(reply) ?? []), pattern(key)]);
  }
  return [...byValue].map(([reply, keys]) => `${indent}${keys.join(" | ")}) REPLY=${quoted(reply)} ;;`);
}

function pattern(key: string): string {
  return key.endsWith("*") ? `${quoted(key.slice(0, -1))}*` : quoted(key);
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
