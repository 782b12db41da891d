import type { Command } from "commander";
import { group } from "../../session.ts";
import { listCommand } from "./list.ts";
import { resolveCommand } from "./resolve.ts";

export function reviewCommand(): Command {
  return group("review", "Decide what no machine can: the requests that wait for a person.", {
    summary: "decide what no machine can",
    examples: ["onceguard review", 'onceguard review resolve deploy:42 --happened --reason "it is live"'],
    exits: [
      ["0", "listed or settled"],
      ["1", "it could not be settled, or the store cannot be used"],
      ["2", "bad usage"],
    ],
  })
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(resolveCommand());
}
