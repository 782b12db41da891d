import type { Command } from "commander";
import { group } from "../../session.ts";
import { safeagentCommand } from "./safeagent.ts";

export function importCommand(): Command {
  return group("import", "Take over what another guard has recorded.", {
    summary: "take over another guard's records",
    examples: ["onceguard import safeagent sqlite:safeagent.db"],
    exits: [
      ["0", "taken over"],
      ["1", "a store cannot be used"],
      ["2", "bad usage"],
    ],
  }).addCommand(safeagentCommand());
}
