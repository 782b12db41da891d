import {
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from "@modelcontextprotocol/server";
import { refusal } from "./web-message.ts";

/** The one endpoint. */
export const PATH = "/mcp";

export interface Door {
  readonly host: string;
  readonly issuer?: string;
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
}

/** What is decided before anybody knows who calls: whose page sent it here, and by what name. */
export function refusedAtTheDoor(request: Request, options: Door, url: string): Response | undefined {
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
