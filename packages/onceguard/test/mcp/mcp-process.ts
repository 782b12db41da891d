import { Command, CommanderError } from "commander";
import { mcpCommand } from "../../src/cli/commands/mcp/mcp.ts";
import { exitCodeOf } from "../../src/cli/exit.ts";
import { printError } from "../../src/cli/output.ts";

/** `onceguard mcp` as a process of its own, as a host starts it. */
const program = new Command("onceguard").addCommand(mcpCommand()).exitOverride();
program.commands[0]?.exitOverride();
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) printError(error);
  process.exitCode = exitCodeOf(error);
}
