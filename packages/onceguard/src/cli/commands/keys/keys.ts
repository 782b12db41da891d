import type { Command } from "commander";
import { group } from "../../session.ts";
import { addCommand } from "./add.ts";
import { listCommand } from "./list.ts";
import { revokeCommand } from "./revoke.ts";

export function keysCommand(): Command {
  return group("keys", "The keys by which others call `onceguard serve`: each for one tenant, in one role.", {
    summary: "who may call the HTTP API",
    examples: [
      "onceguard keys add --name agent-7 --role caller",
      "onceguard keys add --name ann --role reviewer --tenant acme --expires 90d",
      "onceguard keys list",
      "onceguard keys revoke 5f1c9a3b7d20",
    ],
    exits: [
      ["0", "done"],
      ["1", "there is no such key"],
      ["2", "bad usage, or a file that cannot be used"],
    ],
  })
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}
