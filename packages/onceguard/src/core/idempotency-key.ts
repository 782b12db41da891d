import type { Sha256 } from "./digest.ts";
import { lengthPrefixed } from "./request-id.ts";

/**
 * The request's identity as sent downstream: a UUID made from (tenant, requestId, generation). 36 characters in the form
 * of version 4, which is the one form that every provider with keys takes (some refuse all others), although it is
 * derived and not random. An unknown outcome keeps the generation, and so the key.
 */
export function idempotencyKey(sha256: Sha256, tenant: string, requestId: string, generation: number): string {
  const hex = sha256(lengthPrefixed(["onceguard/idempotency-key/v1", tenant, requestId, String(generation)]));
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
