import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { issuerTokens } from "../mcp/server/http/issuer-tokens.ts";
import { staticTokens, type TokenReader } from "../mcp/server/http/static-tokens.ts";
import { UsageError } from "./exit.ts";

/** What a server over HTTP takes on the command line. */
export interface HttpCommandOptions {
  readonly tokens?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly tenantClaim: string;
  readonly allowHost?: readonly string[];
  readonly allowOrigin?: readonly string[];
}

/** Where it listens: on this machine only, unless it is said who may call. */
export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  readonly tokens: readonly TokenReader[];
  readonly issuer?: string;
  readonly publicUrl?: string;
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
}

export function httpPlace(given: string | true, defaultPort: number, options: HttpCommandOptions): HttpPlace {
  const { host, port } = addressOf(given, defaultPort);
  const tokens = tokensOf(options);
  if (tokens.length === 0 && !isLoopback(host)) {
    throw new UsageError(`${host} can be reached from outside: say who may call, with --tokens or --issuer`);
  }
  const { issuer, audience, allowHost, allowOrigin } = options;
  return {
    host,
    port,
    tokens,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { publicUrl: audience }),
    ...(allowHost === undefined ? {} : { allowedHosts: allowHost }),
    ...(allowOrigin === undefined ? {} : { allowedOrigins: allowOrigin }),
  };
}

function addressOf(given: string | true, defaultPort: number): { host: string; port: number } {
  if (given === true) return { host: "127.0.0.1", port: defaultPort };
  const match = /^(?:\[([0-9a-f:]+)\]|([^:]*))(?::(\d{1,5}))?$/i.exec(
    /^\d+$/.test(given) ? `127.0.0.1:${given}` : given,
  );
  const port = Number(match?.[3] ?? defaultPort);
  if (!match || port > 65_535) throw new UsageError(`--http takes host:port, such as 127.0.0.1:${defaultPort}`);
  return { host: match[1] ?? (match[2] || "127.0.0.1"), port };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function tokensOf({ tokens, issuer, audience, tenantClaim }: HttpCommandOptions): TokenReader[] {
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
