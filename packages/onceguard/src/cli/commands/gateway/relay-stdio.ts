import type { Gateway } from "../../../mcp/gateway/gateway.ts";
import { connectUpstream } from "../../../mcp/gateway/http/upstream-connection.ts";
import { StdioRelay } from "../../../mcp/gateway/stdio/relay.ts";
import type { Upstream } from "../../../mcp/gateway/stdio/upstream.ts";
import { EXIT } from "../../exit.ts";
import { note } from "../../output.ts";
import { stopSignal } from "../../stop-signal.ts";
import type { GatewayCommandOptions } from "./options.ts";
import type { EarlyServer } from "./start-server.ts";
import { upstreamHeaders } from "./upstream-headers.ts";

/** A host over stdio, until it or its server ends or we are told to. The server is a process of ours, or a remote one. */
export async function relayStdio(
  gateway: Gateway,
  from: EarlyServer | URL,
  options: GatewayCommandOptions,
): Promise<number> {
  const relay = new StdioRelay({
    gateway,
    principal: { tenant: options.tenant, name: options.actor ?? "mcp", operator: false },
    input: process.stdin,
    output: process.stdout,
    maxMessageBytes: options.maxMessage,
  });
  const server = from instanceof URL ? connected(from, gateway, relay, options) : await from.attach(relay);
  relay.join(server);
  gateway.stand(() => relay.standing());
  const told = stopSignal();
  const left = await Promise.race([relay.ended, told, server.ended]);
  relay.stopReading();
  if (left === undefined) relay.detach();
  // What runs is recorded before the server is let go of: it may be in the middle of it.
  await gateway.close();
  if (left === undefined) {
    await server.close();
    return EXIT.ok;
  }
  const how = left.signal === null ? `with ${left.code}` : `by ${left.signal}`;
  note(`the server has ended ${how}`);
  return left.code === 0 ? EXIT.ok : EXIT.not;
}

function connected(url: URL, gateway: Gateway, relay: StdioRelay, options: GatewayCommandOptions): Upstream {
  return connectUpstream({
    url,
    headers: upstreamHeaders(options.header ?? []),
    tools: gateway.tools,
    onMessage: relay.fromServer,
    onFailed: relay.failed,
    log: note,
  });
}
