import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  type AuthInfo,
  bearerAuthChallengeResponse,
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  isJsonContentType,
  type McpHttpHandler,
  OAuthError,
  OAuthErrorCode,
} from "@modelcontextprotocol/server";
import type { McpServerFactory } from "../create-server.ts";
import { FRAME_LIMITS, readFrame } from "../frame.ts";
import { PATH, refusedAtTheDoor } from "./door.ts";
import { readBody } from "./request-body.ts";
import type { TokenReader } from "./static-tokens.ts";
import { refusal, send, webRequest } from "./web-message.ts";

/** Where the MCP server listens, and who may call it. */
export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** Who may call. Empty: everybody who reaches it, so only on a loopback address. */
  readonly tokens: readonly TokenReader[];
  /** The OAuth server whose tokens are taken, for the metadata of RFC 9728. */
  readonly issuer?: string;
  /** This server's address as its callers have it. Default: where it listens. */
  readonly publicUrl?: string;
  /** Further names that may stand in the Host header, and web origins that may call. */
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
  readonly log?: (line: string) => void;
}

/** An MCP server that listens. */
export interface HttpServing {
  /** As its callers have it. */
  readonly url: string;
  /** Where it listens. */
  readonly listening: string;
  /** Takes no more requests. Calls that run are detached: their effects go on. */
  close(): Promise<void>;
}

/** Streamable HTTP: one endpoint, both protocol eras, no sessions, so that any process of several can answer. */
export async function serveOverHttp(factory: McpServerFactory, options: HttpOptions): Promise<HttpServing> {
  const handler = createMcpHandler(factory, {
    maxRequestBodySize: FRAME_LIMITS.maxBytes,
    onerror: (error) => options.log?.(`mcp: ${error.message}`),
  });
  const server = createServer((request, response) => {
    void answer(handler, options, urlOf(server, options), request, response).catch((error: Error) => {
      options.log?.(`mcp: ${error.message}`);
      if (response.headersSent) response.destroy();
      else void send(response, refusal(500, -32603, "Internal error.")).catch(() => response.destroy());
    });
  });
  await listen(server, options);
  return {
    url: urlOf(server, options),
    listening: listeningAt(server, options),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await handler.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, { host, port }: HttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}

function urlOf(server: Server, options: HttpOptions): string {
  return options.publicUrl ?? listeningAt(server, options);
}

function listeningAt(server: Server, { host }: HttpOptions): string {
  const at = server.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}${PATH}`;
}

async function answer(
  handler: McpHttpHandler,
  options: HttpOptions,
  url: string,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const left = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) left.abort();
  });
  const request = webRequest(incoming, url, left.signal);
  const answered = refusedAtTheDoor(request, options, url) ?? (await serve(handler, options, url, incoming, request));
  await send(response, answered, incoming.method === "HEAD");
}

async function serve(
  handler: McpHttpHandler,
  options: HttpOptions,
  url: string,
  incoming: IncomingMessage,
  request: Request,
): Promise<Response> {
  const auth = await authenticated(incoming.headers.authorization, options, url);
  if (auth instanceof Response) return auth;
  const authInfo = auth === null ? {} : { authInfo: auth };
  if (request.method !== "POST") return handler.fetch(request, authInfo);
  if (!isJsonContentType(request.headers.get("content-type"))) {
    return refusal(415, -32600, "Content-Type must be application/json.");
  }
  const text = await readBody(incoming);
  if (text === null) {
    return refusal(
      413,
      -32600,
      `The message is larger than ${FRAME_LIMITS.maxBytes} bytes. Nothing was done. Pass a reference to the large part.`,
    );
  }
  const frame = readFrame(text);
  if ("refused" in frame) return Response.json(frame.refused, { status: 400 });
  return handler.fetch(request, { ...authInfo, parsedBody: frame.message });
}

/** Null where nobody has to say who they are. */
export async function authenticated(
  header: string | undefined,
  options: Pick<HttpOptions, "tokens" | "issuer">,
  url: string,
): Promise<AuthInfo | Response | null> {
  if (options.tokens.length === 0) return null;
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header ?? "")?.[1];
  const resourceMetadataUrl =
    options.issuer === undefined ? {} : { resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(new URL(url)) };
  if (token === undefined) {
    return bearerAuthChallengeResponse(
      new OAuthError(OAuthErrorCode.InvalidToken, "A bearer token is needed."),
      resourceMetadataUrl,
    );
  }
  for (const read of options.tokens) {
    const info = await read(token);
    if (info) return info;
  }
  // Not which of expired, forged or for somebody else: whoever holds a good one need not know, and others should not.
  return bearerAuthChallengeResponse(
    new OAuthError(OAuthErrorCode.InvalidToken, "This token is not good here."),
    resourceMetadataUrl,
  );
}
