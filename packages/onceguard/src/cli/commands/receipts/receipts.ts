import type { Command } from "commander";
import { group } from "../../session.ts";
import { exportCommand } from "./export.ts";
import { listCommand } from "./list.ts";
import { showCommand } from "./show.ts";

export function receiptsCommand(): Command {
  return group("receipts", "Look at what was guarded: what happened, what did not, what is open.", {
    summary: "look at what happened, what did not, what is open",
    examples: ["onceguard receipts", "onceguard receipts --state in_doubt,review", "onceguard receipts show deploy:42"],
    exits: [
      ["0", "shown"],
      ["1", "there is no such receipt, or the store cannot be used"],
      ["2", "bad usage"],
    ],
  })
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(showCommand())
    .addCommand(exportCommand());
}
