import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Folder, startProcess } from "./cli.ts";

/** What the shell offers for the last word, of each line of words. */
type Ask = (...lines: (readonly string[])[]) => Promise<string[][]>;

/** A folder with the script in it, and the names that a file option is completed from. */
async function scripted(shell: string): Promise<Folder> {
  const folder = new Folder();
  const made = await folder.onceguard("completion", shell);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  writeFileSync(folder.file("completion"), made.stdout);
  writeFileSync(folder.file("plan a.json"), "");
  writeFileSync(folder.file("plan b.json"), "");
  mkdirSync(folder.file("sealed"));
  return folder;
}

function isInstalled(shell: string): boolean {
  try {
    execFileSync(shell, ["-c", "true"]);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program that prints what is offered for each line, with a line of its own between two. */
async function answers(folder: Folder, shell: readonly string[], program: string): Promise<string[][]> {
  writeFileSync(folder.file("ask"), program);
  const [name = "", ...args] = shell;
  const ended = await startProcess(name, [...args, "ask"], folder.path).ended;
  expect(ended.stderr).toBe("");
  return ended.stdout
    .split("=====\n")
    .slice(0, -1)
    .map((part) => part.split("\n").filter(Boolean));
}

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");

async function asked(shell: string): Promise<{ folder: Folder; ask: Ask }> {
  const folder = await scripted(shell);
  const programs: Record<string, (lines: readonly (readonly string[])[]) => [string[], string]> = {
    bash: (lines) => [
      ["bash", "--norc", "--noprofile"],
      `source ./completion
      complete -p onceguard >/dev/null || exit 1 # it is what bash would call
      ask() { COMP_WORDS=(onceguard "$@"); COMP_CWORD=$#; _onceguard; printf '%s\\n' "\${COMPREPLY[@]}" =====; }
      ${lines.map((words) => `ask ${quoted(words)}`).join("\n")}`,
    ],
    // What zsh's own functions would add is printed; which words it has, and where the cursor is, is as zsh has it.
    zsh: (lines) => [
      ["zsh", "-f"],
      `compdef() { : }
      source ./completion
      _describe() { print -l -- \${\${(P)@[-1]}%%:*} }
      compadd() { shift; print -l -- "$@" }
      compset() { PREFIX=\${PREFIX#$~2} }
      _files() { [[ $1 == -/ ]] && print -l -- *(/N) || print -l -- *(N) }
      _normal() { print -l -- normal $words }
      ask() { words=(onceguard "$@"); CURRENT=$#words; PREFIX=$words[-1]; _onceguard | while IFS= read -r line; do
        [[ $line == \${PREFIX##*=}* || $line == normal ]] && print -r -- $line; done; print '====='; }
      ${lines.map((words) => `ask ${quoted(words)}`).join("\n")}`,
    ],
    fish: (lines) => [
      ["fish", "--no-config"],
      `source ./completion
      ${lines.map((words) => `complete -C ${quoted([["onceguard", ...words].join(" ")])} | string replace -r '\\t.*' ''; echo =====`).join("\n")}`,
    ],
  };
  return {
    folder,
    ask: (...lines) => {
      const [command, program] = programs[shell]?.(lines) ?? [[], ""];
      return answers(folder, command, program);
    },
  };
}

const optionsIn = (help: string): string[] =>
  [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, name]) => name as string).sort();

describe.each(["bash", "zsh", "fish"])("completion in %s", (shell) => {
  it.skipIf(!isInstalled(shell))("offers the commands and the options that the help names, and no others", async () => {
    const { folder, ask } = await asked(shell);
    const commands = [["run"], ["receipts", "list"], ["review", "resolve"], ["serve"], ["keys", "add"]];
    const [root, ...offered] = await ask([""], ...commands.map((words) => [...words, "--"]));
    const help = (await folder.onceguard("--help")).stdout;
    const listed = help.slice(help.indexOf("Commands:"), help.indexOf("Examples:"));
    expect(root?.sort()).toEqual([...listed.matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => name).sort());
    const helps = await Promise.all(commands.map((words) => folder.onceguard(...words, "--help")));
    expect(offered.map((one) => one.sort())).toEqual(helps.map(({ stdout }) => optionsIn(stdout)));
  });

  it.skipIf(!isInstalled(shell))("knows subcommands, choices, files, folders, and what follows --", async () => {
    const { ask } = await asked(shell);
    const cases: [words: string[], offers: string[]][] = [
      [["receipts", "s"], ["show"]],
      [
        ["receipts", "--st"],
        ["--state", "--store"],
      ], // of its default, `receipts list`
      [["receipts", "--state", "den"], ["denied"]],
      [["receipts", "--record", "show", "--li"], ["--limit"]], // a value is no command
      [
        ["run", "--tier", ""],
        ["irreversible", "side_effecting"],
      ],
      [
        ["halt", ""],
        ["action", "run", "tenant"],
      ],
      [["halt", "run", ""], []],
      [
        ["completion", ""],
        ["bash", "fish", "zsh"],
      ],
      [["keys", "add", "--role", "op"], ["operator"]],
      [["verify", "--sealed", "s"], shell === "fish" ? ["sealed/"] : ["sealed"]],
      [["erase", "--subject", ""], []],
      ...(shell === "fish"
        ? []
        : [
            [
              ["correct", "plan"],
              ["plan a.json", "plan b.json"],
            ] as [string[], string[]],
          ]),
      ...(shell === "bash" ? [[["run", "--tier", "=", "irr"], ["irreversible"]] as [string[], string[]]] : []),
      ...(shell === "bash" ? [[["run", ""], ["--"]] as [string[], string[]]] : []),
    ];
    const offered = await ask(...cases.map(([words]) => words));
    expect(offered.map((one) => one.sort())).toEqual(cases.map(([, offers]) => offers));

    const [command, argument] = await ask(
      ["run", "--request-id", "x", "--", "ech"],
      ["run", "--request-id", "x", "--", "cat", "plan"],
    );
    if (shell === "zsh")
      expect([command, argument]).toEqual([
        ["normal", "ech"],
        ["normal", "plan"],
      ]);
    else expect(command).toContain("echo");
    if (shell === "bash") expect(argument?.sort()).toEqual(["plan a.json", "plan b.json"]);
  });
});

it("refuses another shell, and says which there are", async () => {
  const folder = new Folder();
  const refused = await folder.onceguard("completion", "tcsh");
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("Allowed choices are bash, zsh, fish");
});
