import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { McpServerFactory } from "../../../mcp/server/create-server.ts";
import { issuerTokens } from "../../../mcp/server/http/issuer-tokens.ts";
import { serveOverHttp } from "../../../mcp/server/http/serve.ts";
import { staticTokens, type TokenReader } from "../../../mcp/server/http/static-tokens.ts";
import { UsageError } from "../../exit.ts";
import { note } from "../../output.ts";
import type { McpOptions } from "./options.ts";

const DEFAULT_PORT = 8_787;

/** Serves until it is told to stop. */
export async function serveHttp(
  factory: McpServerFactory,
  options: McpOptions & { readonly http: string | true },
  log: (line: string) => void,
  told: Promise<unknown>,
): Promise<void> {
  const { host, port } = addressOf(options.http);
  const tokens = tokensOf(options);
  if (tokens.length === 0 && !isLoopback(host)) {
    throw new UsageError(`${host} can be reached from outside: say who may call, with --tokens or --issuer`);
  }
  const { issuer, audience, allowHost, allowOrigin } = options;
  const serving = await serveOverHttp(factory, {
    host,
    port,
    tokens,
    log,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { publicUrl: audience }),
    ...(allowHost === undefined ? {} : { allowedHosts: allowHost }),
    ...(allowOrigin === undefined ? {} : { allowedOrigins: allowOrigin }),
  });
  note(`serving MCP at ${serving.listening}`);
  await told;
  await serving.close();
}

function addressOf(given: string | true): { host: string; port: number } {
  if (given === true) return { host: "127.0.0.1", port: DEFAULT_PORT };
  const match = /^(?:\[([0-9a-f:]+)\]|([^:]*))(?::(\d{1,5}))?$/i.exec(
    /^\d+$/.test(given) ? `127.0.0.1:${given}` : given,
  );
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (!match || port > 65_535) throw new UsageError(`--http takes host:port, such as 127.0.0.1:${DEFAULT_PORT}`);
  return { host: match[1] ?? (match[2] || "127.0.0.1"), port };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function tokensOf({ tokens, issuer, audience, tenantClaim }: McpOptions): TokenReader[] {
  const readers: TokenReader[] = [];
  if (tokens !== undefined) readers.push(staticTokens(readJson(tokens)));
  if ((issuer === undefined) !== (audience === undefined)) {
    throw new UsageError(
      "--issuer and --audience belong together: a token made out for somebody else must not count here",
    );
  }
  if (issuer !== undefined && audience !== undefined) {
    if (!URL.canParse(issuer) || !URL.canParse(audience)) throw new UsageError("--issuer and --audience are URLs");
    readers.push(issuerTokens({ issuer, audience, tenantClaim }));
  }
  return readers;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${(cause as Error).message}`);
  }
}
