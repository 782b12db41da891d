import { createHash } from "node:crypto";
import type { Principal } from "../../server/principal.ts";

/**
 * Who calls, where the upstream is the one that knows: from the credentials that are passed on to it. The same person
 * under a new token is the same person where the token says so (a JWT's issuer and subject); an opaque token stands for
 * itself. Believed only once the upstream has accepted the token.
 */
export function passedPrincipal(authorization: string | undefined, fallback: Principal): Principal {
  if (authorization === undefined) return fallback;
  const name = `caller-${digest(subjectOf(authorization) ?? authorization)}`;
  return { ...fallback, tenant: `${fallback.tenant}/${name}`, name };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 24);
}

function subjectOf(authorization: string): string | null {
  const claims = /^Bearer +[\w-]+\.([\w-]+)\.[\w-]*$/i.exec(authorization)?.[1];
  if (claims === undefined) return null;
  try {
    const { iss, sub } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as Record<string, unknown>;
    return typeof iss === "string" && typeof sub === "string" ? JSON.stringify([iss, sub]) : null;
  } catch {
    return null;
  }
}
