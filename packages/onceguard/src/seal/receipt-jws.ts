import { CompactSign, compactVerify, decodeProtectedHeader } from "jose";
import { canonicalJson } from "../core/canonical-json.ts";
import type { JsonObject } from "../core/json.ts";
import type { Receipt } from "../core/receipt.ts";
import { utf8 } from "./bytes.ts";
import { isValidAt, type SigningKey, type VerifyingKey } from "./keys.ts";

const TYPE = "onceguard-receipt+json";

/** What a receipt says to an outsider: which request, what became of it, how that is known, and under whose consent. */
export function receiptClaims(receipt: Receipt, origin: string, leaf: string, previous: string | null): JsonObject {
  const { hold } = receipt;
  return {
    iss: origin,
    tenant: receipt.tenant,
    request_id: receipt.requestId,
    action: receipt.action,
    record_id: receipt.recordId,
    risk_tier: receipt.riskTier,
    capability: receipt.capability,
    key_source: receipt.keySource,
    fingerprint: receipt.fingerprint,
    state: receipt.state,
    conflict: receipt.conflict,
    may_have_applied: receipt.mayHaveApplied,
    evidence: receipt.evidence,
    policy_version: hold?.policyVersion ?? null,
    approved_by: hold?.approval?.actor ?? null,
    fencing_token: receipt.fencingToken,
    generation: receipt.generation,
    attempt_number: receipt.attemptNumber,
    version: receipt.version,
    created_at: receipt.createdAt,
    updated_at: receipt.updatedAt,
    /** The entry of the sealed log by which it came to be, and that of the version before. */
    leaf,
    previous,
  };
}

export async function signReceipt(claims: JsonObject, key: SigningKey): Promise<string> {
  return new CompactSign(utf8(canonicalJson(claims)))
    .setProtectedHeader({ alg: "EdDSA", kid: key.kid, typ: TYPE })
    .sign(key.privateKey);
}

/**
 * The claims, if a known key has signed just them, by the one algorithm there is. What the header says of the algorithm
 * or of keys is not believed: the kid only picks among the keys that the verifier has brought along.
 */
export async function verifyReceipt(
  jws: string,
  keys: readonly VerifyingKey[],
): Promise<{ readonly claims: JsonObject } | { readonly problem: string }> {
  const header = headerOf(jws);
  if (header === null) return { problem: "receipt_malformed" };
  if (header.alg !== "EdDSA" || header.typ !== TYPE) return { problem: "receipt_algorithm" };
  const key = keys.find(({ kid }) => kid === header.kid);
  if (!key) return { problem: "receipt_key_unknown" };
  try {
    const { payload } = await compactVerify(jws, key.publicKey, { algorithms: ["EdDSA"] });
    const text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
    const claims = JSON.parse(text) as JsonObject;
    if (canonicalJson(claims) !== text) return { problem: "receipt_not_canonical" };
    return isValidAt(key, Number(claims.updated_at)) || key.notBefore > Number(claims.updated_at)
      ? { claims }
      : { problem: "receipt_key_not_valid_then" };
  } catch {
    return { problem: "receipt_signature" };
  }
}

function headerOf(jws: string): ReturnType<typeof decodeProtectedHeader> | null {
  try {
    return decodeProtectedHeader(jws);
  } catch {
    return null;
  }
}
