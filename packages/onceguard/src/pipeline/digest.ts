import { createHmac, createSecretKey, hash } from "node:crypto";
import type { Hmac, Sha256 } from "../core/digest.ts";

export const sha256: Sha256 = (text) => hash("sha256", text, "hex");

/** HMAC-SHA-256 under a key derived for one tenant from the store's secret. */
export function tenantHmac(secret: string, tenant: string): Hmac {
  // A KeyObject, because a Buffer would be made into one for every payload: seven times the cost of the hash itself.
  const key = createSecretKey(createHmac("sha256", secret).update(`onceguard/tenant/v1:${tenant}`).digest());
  return (text) => createHmac("sha256", key).update(text).digest("hex");
}
