import type { Gateway } from "../../../mcp/gateway/gateway.ts";
import { serveBridge } from "../../../mcp/gateway/http/bridge.ts";
import { serveProxy } from "../../../mcp/gateway/http/proxy.ts";
import { EXIT } from "../../exit.ts";
import { httpPlace } from "../../http-options.ts";
import { note } from "../../output.ts";
import { stopSignal } from "../../stop-signal.ts";
import type { GatewayCommandOptions } from "./options.ts";
import { startServer } from "./start-server.ts";
import { upstreamHeaders } from "./upstream-headers.ts";

export const DEFAULT_PORT = 8_789;

/** Hosts over HTTP, until we are told to end. The server is a remote one, or processes of ours. */
export async function relayHttp(
  gateway: Gateway,
  from: readonly string[] | URL,
  options: GatewayCommandOptions & { readonly http: string | true },
): Promise<number> {
  const common = {
    ...httpPlace(options.http, DEFAULT_PORT, options),
    gateway,
    principal: { tenant: options.tenant, name: options.actor ?? "mcp", operator: false },
    maxMessageBytes: options.maxMessage,
    ...(options.quiet ? {} : { log: note }),
  };
  const serving =
    from instanceof URL
      ? await serveProxy({
          ...common,
          upstream: from,
          headers: upstreamHeaders(options.header ?? []),
          principalHeaders: options.principalHeader ?? [],
          tokenSubject: options.tokenSubject === true,
        })
      : await serveBridge({ ...common, start: (relay) => startServer(from, relay) });
  note(`guarding ${from instanceof URL ? `${from.origin}${from.pathname}` : from.join(" ")} at ${serving.listening}`);
  await stopSignal();
  await gateway.close();
  await serving.close();
  return EXIT.ok;
}
