import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { JsonLimits } from "../../../core/strict-json.ts";
import { type Door, PATH, refusedAtTheDoor } from "../../server/http/door.ts";
import { authenticated } from "../../server/http/serve.ts";
import type { TokenReader } from "../../server/http/static-tokens.ts";
import { refusal, send, webRequest } from "../../server/http/web-message.ts";
import type { Principal } from "../../server/principal.ts";

export interface HttpGatewayOptions extends Door {
  readonly port: number;
  /** Who may call the gateway itself. Empty: whoever reaches it, with the credentials that it passes on. */
  readonly tokens: readonly TokenReader[];
  /** This gateway's address as its callers have it. Default: where it listens. */
  readonly publicUrl?: string;
  /** Who calls, where nothing says it. */
  readonly principal: Principal;
  /** Largest message of a caller's. */
  readonly maxMessageBytes: number;
  readonly log?: (line: string) => void;
}

export interface HttpGatewayServing {
  /** Where it listens. */
  readonly listening: string;
  close(): Promise<void>;
}

/** A request that was let in. */
export interface Admitted {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  /** By the gateway's own tokens; null where it has none. */
  readonly principal: Principal | null;
  /** The body of a POST. */
  readonly text: string | null;
}

const MAX_DEPTH = 80;

export function limitsOf({ maxMessageBytes }: HttpGatewayOptions): JsonLimits {
  return { maxBytes: maxMessageBytes, maxDepth: MAX_DEPTH };
}

/** The door of a gateway over HTTP: whoever gets in is handed to `serve`. */
export async function listenForHosts(
  options: HttpGatewayOptions,
  serve: (admitted: Admitted) => Promise<void>,
): Promise<HttpGatewayServing> {
  const server = createServer((incoming, response) => {
    void admit(server, options, incoming, response, serve).catch((error: Error) => {
      options.log?.(`gateway: ${error.message}`);
      if (response.headersSent) response.destroy();
      else
        void send(response, refusal(502, -32603, "The MCP server cannot be reached.")).catch(() => response.destroy());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    listening: listeningAt(server, options),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function admit(
  server: Server,
  options: HttpGatewayOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
  serve: (admitted: Admitted) => Promise<void>,
): Promise<void> {
  const url = options.publicUrl ?? listeningAt(server, options);
  const request = webRequest(incoming, url, new AbortController().signal);
  const refused = refusedAtTheDoor(request, options, url);
  if (refused) return send(response, refused, incoming.method === "HEAD");
  const auth = await authenticated(incoming.headers.authorization, options, url);
  if (auth instanceof Response) return send(response, auth);
  const principal = (auth?.extra?.principal as Principal | undefined) ?? null;
  const text = incoming.method === "POST" ? await readText(incoming, options.maxMessageBytes) : null;
  if (incoming.method === "POST" && text === null) {
    const words = `The message is larger than ${options.maxMessageBytes} bytes. Nothing was done. Pass a reference to the large part.`;
    return send(response, refusal(413, -32600, words));
  }
  await serve({ incoming, response, principal, text });
}

/** How much of a message that is too large is still read, so that its sender hears why and not only a broken pipe. */
const DISCARDED_BYTES = 128 * 1_048_576;

/** Null when it is larger than a message may be. */
async function readText(incoming: IncomingMessage, most: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > DISCARDED_BYTES) return null;
    if (size > most) chunks.length = 0;
    else chunks.push(chunk as Buffer);
  }
  return size > most ? null : Buffer.concat(chunks).toString("utf8");
}

function listeningAt(server: Server, { host }: Pick<HttpGatewayOptions, "host">): string {
  const at = server.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}${PATH}`;
}
