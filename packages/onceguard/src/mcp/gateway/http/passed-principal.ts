import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Principal } from "../../server/principal.ts";

/** The headers by which servers know their callers. */
const CREDENTIALS = ["authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"];

export interface Passing {
  /** Further headers that say who calls. */
  readonly principalHeaders?: readonly string[];
  /**
   * Take a JWT's issuer and subject for the caller, so that a renewed token is the same one. Only for a server that
   * checks the token with every request, `tools/list` included: the gateway does not. Default false.
   */
  readonly tokenSubject?: boolean;
}

/**
 * Who calls, where the upstream is the one that knows: by the credentials that are passed on to it. What belongs to one
 * set of them is never shown to another.
 */
export function passedPrincipal(headers: IncomingHttpHeaders, fallback: Principal, passing: Passing): Principal {
  const names = [...CREDENTIALS, ...(passing.principalHeaders ?? []).map((name) => name.toLowerCase())];
  const given = names.flatMap((name) => {
    const value = headers[name];
    if (value === undefined) return [];
    const subject = name === "authorization" && passing.tokenSubject === true ? subjectOf(String(value)) : null;
    return [[name, subject ?? value]];
  });
  if (given.length === 0) return fallback;
  const name = `caller-${createHash("sha256").update(JSON.stringify(given)).digest("hex").slice(0, 24)}`;
  return { ...fallback, tenant: `${fallback.tenant}/${name}`, name };
}

function subjectOf(authorization: string): readonly string[] | null {
  const claims = /^Bearer +[\w-]+\.([\w-]+)\.[\w-]*$/i.exec(authorization)?.[1];
  if (claims === undefined) return null;
  try {
    const { iss, sub } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as Record<string, unknown>;
    return typeof iss === "string" && typeof sub === "string" ? [iss, sub] : null;
  } catch {
    return null;
  }
}
