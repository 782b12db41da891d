import type { Gateway } from "../../../mcp/gateway/gateway.ts";
import { StdioRelay } from "../../../mcp/gateway/stdio/relay.ts";
import { startUpstream, type UpstreamProcess } from "../../../mcp/gateway/stdio/upstream-process.ts";
import { EXIT, NotSo } from "../../exit.ts";
import { note } from "../../output.ts";
import { stopSignal } from "../../stop-signal.ts";
import type { GatewayCommandOptions } from "./options.ts";

/** Host and server over stdio, until one of them ends or we are told to. */
export async function relayStdio(
  gateway: Gateway,
  argv: readonly string[],
  options: GatewayCommandOptions,
): Promise<number> {
  const relay = new StdioRelay({
    gateway,
    principal: { tenant: options.tenant, name: options.actor ?? "mcp", operator: false },
    input: process.stdin,
    output: process.stdout,
    maxMessageBytes: options.maxMessage,
  });
  const server = await started(argv, relay);
  relay.join(server);
  gateway.stand(() => relay.standing());
  const told = stopSignal();
  const left = await Promise.race([relay.ended, told, server.ended]);
  relay.leave();
  // What runs is recorded before the server is let go of: it may be in the middle of it.
  await gateway.close();
  if (left === undefined) {
    await server.close();
    return EXIT.ok;
  }
  const how = left.signal === null ? `with ${left.code}` : `by ${left.signal}`;
  note(`the server has ended ${how}: ${argv.join(" ")}`);
  return left.code === 0 ? EXIT.ok : EXIT.not;
}

async function started(argv: readonly string[], relay: StdioRelay): Promise<UpstreamProcess> {
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
