import { Command } from "commander";
import { commandTree } from "../../command-tree.ts";
import { print } from "../../output.ts";
import { helpAfter } from "../../session.ts";
import { manPage } from "./man-page.ts";

export function manCommand(): Command {
  return new Command("man")
    .summary("the manual of all commands, as a man page")
    .description("Print the manual of all commands, as a man page (roff).")
    .addHelpText(
      "after",
      helpAfter({
        examples: [
          "onceguard man | man -l -",
          "onceguard man > ~/.local/share/man/man1/onceguard.1   # then: man onceguard",
        ],
        exits: [
          ["0", "the page is on stdout"],
          ["2", "bad usage"],
        ],
      }),
    )
    .action((_options: unknown, { parent }: Command) => {
      if (parent) print(manPage(commandTree(parent), parent.version() ?? ""));
    });
}
