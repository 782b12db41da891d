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

/** A server that has been started while the rest gets ready: some hosts begin their turn without one that takes long. */
export interface EarlyServer {
  /** @throws NotSo when it could not be started */
  attach(relay: Pick<StdioRelay, "fromServer" | "serverReads">): Promise<Upstream>;
  /** Ends it, if nobody has attached to it. */
  abandon(): Promise<void>;
}

export function startEarly(argv: readonly string[]): EarlyServer {
  const said: string[] = [];
  let relay: Pick<StdioRelay, "fromServer" | "serverReads"> | null = null;
  const starting = startServer(argv, {
    fromServer: (text) => {
      if (relay === null) said.push(text);
      else relay.fromServer(text);
    },
    serverReads: () => relay?.serverReads(),
  });
  starting.catch(() => undefined); // whoever attaches hears of it
  return {
    attach: async (given) => {
      const server = await starting;
      relay = given;
      for (const text of said.splice(0)) given.fromServer(text);
      return server;
    },
    abandon: async () => {
      if (relay === null) await starting.then(({ close }) => close()).catch(() => undefined);
    },
  };
}
