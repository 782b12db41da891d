import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  type AuthInfo,
  bearerAuthChallengeResponse,
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  hostHeaderValidationResponse,
  isJsonContentType,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  type McpHttpHandler,
  OAuthError,
  OAuthErrorCode,
  originValidationResponse,
} from "@modelcontextprotocol/server";
import type { McpServerFactory } from "../create-server.ts";
import { FRAME_LIMITS, frameError, readFrame } from "../frame.ts";
import { readBody } from "./request-body.ts";
import type { TokenReader } from "./static-tokens.ts";

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

export interface HttpServing {
  /** As its callers have it. */
  readonly url: string;
  /** Where it listens. */
  readonly listening: string;
  /** Takes no more requests. Calls that run are detached: their effects go on. */
  close(): Promise<void>;
}

const PATH = "/mcp";

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
  const answered =
    (await refusedAtTheDoor(request, options, url)) ?? (await serve(handler, options, url, incoming, request));
  await send(response, answered, incoming.method === "HEAD");
}

/** What is decided before anybody knows who calls: whose page sent it here, and by what name. */
async function refusedAtTheDoor(request: Request, options: HttpOptions, url: string): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  const own = [new URL(url).hostname, options.host.includes(":") ? `[${options.host}]` : options.host];
  const hosts = [...localhostAllowedHostnames(), ...own, ...(options.allowedHosts ?? [])];
  const origins = [...localhostAllowedOrigins(), ...(options.allowedOrigins ?? [])];
  const rejected = hostHeaderValidationResponse(request, hosts) ?? originValidationResponse(request, origins);
  if (rejected) return rejected;
  if (pathname === "/healthz") return Response.json({ status: "ok" });
  if (isMetadata(pathname) && options.issuer !== undefined) return metadata(request, options.issuer, url);
  return pathname === PATH ? undefined : refusal(404, -32600, `There is nothing here. The endpoint is ${PATH}.`);
}

function isMetadata(pathname: string): boolean {
  return (
    pathname === "/.well-known/oauth-protected-resource" || pathname === `/.well-known/oauth-protected-resource${PATH}`
  );
}

/** RFC 9728: who hands out tokens for this server. */
function metadata(request: Request, issuer: string, url: string): Response {
  if (request.method !== "GET") return new Response(null, { status: 405, headers: { allow: "GET" } });
  return Response.json({
    resource: url,
    authorization_servers: [issuer],
    bearer_methods_supported: ["header"],
    resource_name: "Onceguard",
  });
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
async function authenticated(
  header: string | undefined,
  options: HttpOptions,
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

/** Without the token: nothing behind this line needs it, and what is not there cannot be handed on. */
function webRequest(incoming: IncomingMessage, url: string, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && name !== "authorization")
      headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return new Request(new URL(incoming.url ?? "/", url), { method: incoming.method ?? "GET", headers, signal });
}

function refusal(status: number, code: number, message: string): Response {
  return Response.json(frameError(null, code, message), { status });
}

async function send(response: ServerResponse, answered: Response, withoutBody = false): Promise<void> {
  const headers: Record<string, string> = Object.fromEntries(answered.headers);
  // The rest of a body that was not read would otherwise be taken for the next request.
  if (answered.status === 413) headers.connection = "close";
  response.writeHead(answered.status, headers);
  if (answered.body === null || withoutBody) {
    response.end();
    return;
  }
  response.flushHeaders();
  try {
    await pipeline(Readable.fromWeb(answered.body as never), response);
  } catch {
    // the caller has left
  }
}
