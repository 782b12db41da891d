import type { Command } from "commander";
import { group } from "../../session.ts";
import { approveCommand, denyCommand } from "./approve.ts";
import { decideCommand } from "./decide.ts";
import { listCommand } from "./list.ts";
import { resolveCommand } from "./resolve.ts";

export function reviewCommand(): Command {
  return group("review", "Decide what no machine can: what may have happened, and what needs approval.", {
    summary: "decide what no machine can, one by one or by flags",
    examples: [
      "onceguard review                  # on a terminal: one by one; elsewhere: the list",
      'onceguard review resolve deploy:42 --happened --reason "it is live"',
      'onceguard review approve refund:A1 --reason "the customer sent it back"',
    ],
    exits: [
      ["0", "listed, gone through or settled"],
      ["1", "it could not be settled, or the store cannot be used"],
      ["2", "bad usage"],
    ],
  })
    .addCommand(decideCommand(), { isDefault: true })
    .addCommand(listCommand())
    .addCommand(resolveCommand())
    .addCommand(approveCommand())
    .addCommand(denyCommand());
}
