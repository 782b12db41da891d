import { Command, CommanderError } from "commander";
import { gatewayCommand } from "../../src/cli/commands/gateway/gateway.ts";
import { mcpCommand } from "../../src/cli/commands/mcp/mcp.ts";
import { exitCodeOf } from "../../src/cli/exit.ts";
import { printError } from "../../src/cli/output.ts";

/** `onceguard mcp` and `onceguard gateway` as a process of its own, as a host starts it. */
const program = new Command("onceguard").addCommand(mcpCommand()).addCommand(gatewayCommand()).exitOverride();
for (const command of program.commands) command.exitOverride();
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) printError(error);
  process.exitCode = exitCodeOf(error);
}
