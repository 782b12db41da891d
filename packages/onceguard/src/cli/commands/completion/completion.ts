import { Argument, Command } from "commander";
import { commandTree } from "../../command-tree.ts";
import { print } from "../../output.ts";
import { helpAfter } from "../../session.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export function completionCommand(): Command {
  return new Command("completion")
    .summary("complete commands, options and files in your shell")
    .description("Print a script that lets the shell complete commands, options, their choices, and files.")
    .addArgument(new Argument("<shell>", "whose completion").choices(Object.keys(SHELLS)))
    .addHelpText(
      "after",
      helpAfter({
        examples: [
          "source <(onceguard completion bash)     # in ~/.bashrc",
          "source <(onceguard completion zsh)      # in ~/.zshrc, behind compinit",
          "onceguard completion fish > ~/.config/fish/completions/onceguard.fish",
        ],
        exits: [
          ["0", "the script is on stdout"],
          ["2", "bad usage"],
        ],
      }),
    )
    .action((shell: keyof typeof SHELLS, _options: unknown, { parent }: Command) => {
      if (parent) print(SHELLS[shell](commandTree(parent)));
    });
}
