import type { StdioRelay } from "../../../mcp/gateway/stdio/relay.ts";
import type { Upstream } from "../../../mcp/gateway/stdio/upstream.ts";
import { startUpstream } from "../../../mcp/gateway/stdio/upstream-process.ts";
import { NotSo } from "../../exit.ts";

/** The server's own command, with the whole environment that the host gave us. */
export async function startServer(
  argv: readonly string[],
  relay: Pick<StdioRelay, "fromServer" | "serverReads">,
): Promise<Upstream> {
  const [command = "", ...args] = argv;
  try {
    return await startUpstream({
      command,
      args,
      env: process.env,
      onMessage: relay.fromServer,
      onDrain: relay.serverReads,
    });
  } catch (cause) {
    throw new NotSo(`the server cannot be started: ${(cause as Error).message}`);
  }
}
