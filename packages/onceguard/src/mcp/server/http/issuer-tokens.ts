import type { JsonWebKey } from "node:crypto";
import type { Keys } from "./json-web-token.ts";
import { readToken } from "./json-web-token.ts";
import { authInfo, type TokenReader } from "./static-tokens.ts";

/** An OAuth server whose tokens are taken, and what must stand in them. */
export interface IssuerOptions {
  readonly issuer: string;
  /** This server's own address, for which a token must be made out. */
  readonly audience: string;
  /** The claim that says the tenant; a token without it is refused. */
  readonly tenantClaim: string;
}

/** The scope by which a token makes an operator. */
export const OPERATOR_SCOPE = "onceguard:operator";

/** Takes the access tokens (JWT, RFC 9068) of one OAuth authorization server. */
export function issuerTokens(
  { issuer, audience, tenantClaim }: IssuerOptions,
  keys: Keys = keysOf(issuer),
): TokenReader {
  return async (token) => {
    const claims = await readToken(token, { issuer, audience, keys }, Date.now() / 1_000);
    const tenant = claims?.[tenantClaim];
    if (!claims || typeof tenant !== "string" || tenant === "") return null;
    const scopes = typeof claims.scope === "string" ? claims.scope.split(" ") : [];
    const name = [claims.sub, claims.client_id].find((one) => typeof one === "string" && one !== "");
    if (name === undefined) return null;
    const principal = { tenant, name: String(name).slice(0, 200), operator: scopes.includes(OPERATOR_SCOPE) };
    return { ...authInfo(principal, claims.exp as number), scopes };
  };
}

const FRESH_MS = 600_000;
/** Tokens with made-up key ids must not become a stream of requests to the issuer. */
const AGAIN_MS = 30_000;

/** The issuer's public keys, fetched when needed, kept for ten minutes, and again for a key that is not among them. */
function keysOf(issuer: string): Keys {
  let keys: readonly JsonWebKey[] = [];
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | null = null;
  return async (kid) => {
    const age = performance.now() - fetchedAt;
    const isKnown = kid === undefined ? keys.length > 0 : keys.some((key) => key.kid === kid);
    if (age > FRESH_MS || (!isKnown && age > AGAIN_MS)) {
      fetching ??= fetchKeys(issuer)
        .then((found) => {
          keys = found;
        })
        .finally(() => {
          fetchedAt = performance.now();
          fetching = null;
        });
      await fetching.catch(() => undefined); // with the old ones, if there are any
    }
    return keys;
  };
}

async function fetchKeys(issuer: string): Promise<readonly JsonWebKey[]> {
  const base = issuer.replace(/\/$/, "");
  for (const name of ["oauth-authorization-server", "openid-configuration"]) {
    const metadata = (await json(`${base}/.well-known/${name}`)) as { issuer?: string; jwks_uri?: string } | null;
    if (metadata?.issuer !== issuer || typeof metadata.jwks_uri !== "string") continue;
    const set = (await json(metadata.jwks_uri)) as { keys?: JsonWebKey[] } | null;
    if (Array.isArray(set?.keys)) return set.keys;
  }
  throw new Error(`${issuer} says nothing of its keys`);
}

async function json(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: "error" });
  return response.ok ? response.json() : null;
}
