import type { AnyAction } from "../core/action.ts";
import type { Hmac } from "../core/digest.ts";
import { fingerprint } from "../core/fingerprint.ts";
import type { Approval, Hold } from "../core/hold.ts";
import type { JsonValue } from "../core/json.ts";
import type { Receipt } from "../core/receipt.ts";
import { lengthPrefixed } from "../core/request-id.ts";
import { payloadOf } from "./payload-of.ts";
import { hmacUnder } from "./private-fields.ts";
import type { Runtime } from "./runtime.ts";

/** Why a request ends whose record is not what was consented to: nobody who goes through the guard can have changed it. */
export const TAMPERED = "approval_tampered";

/**
 * What a person consents to, in one word under the tenant's key: this request with this payload, under these versions of
 * action and policy, by this person, for this reason, until then.
 */
export function consentedTo(
  runtime: Runtime,
  { tenant, requestId, action, fingerprint: ofPayload }: Receipt,
  { actionVersion, policyVersion }: Hold,
  { actor, reason, expiresAt }: Omit<Approval, "fingerprint">,
): string {
  const parts = [tenant, requestId, action, ofPayload, actionVersion, policyVersion, actor, reason, String(expiresAt)];
  return runtime.hmac(tenant)(lengthPrefixed(["onceguard/approval/v1", ...parts]));
}

/**
 * Whether consent, or the payload that would be executed under it, has been changed in the store since it was given. The
 * record lacks what is redacted; then the caller brings the payload, whose fingerprint its claim has compared.
 */
export async function isTampered(runtime: Runtime, receipt: Receipt, definition: AnyAction): Promise<boolean> {
  const { hold, payload } = receipt;
  if (hold === null || hold.approval === null) return false;
  if (hold.approval.fingerprint !== consentedTo(runtime, receipt, hold, hold.approval)) return true;
  const { name, volatile, version, privacy } = definition;
  // Another version may take the fingerprint of something else. It is asked for again in any case.
  if (payload === null || hold.actionVersion !== version || (privacy?.redact.length ?? 0) > 0) return false;
  const hmac = await hmacOf(runtime, receipt, definition);
  return hmac !== null && fingerprint(hmac, name, payloadOf(receipt) as JsonValue, volatile) !== receipt.fingerprint;
}

/** What the record's fingerprint was taken with; null where that key is destroyed, and nothing can be compared. */
async function hmacOf(
  { keys, hmac }: Runtime,
  { tenant, keyId }: Receipt,
  { privacy }: AnyAction,
): Promise<Hmac | null> {
  if (privacy === null || privacy.subject === null || keyId === null || keys === null) return hmac(tenant);
  const key = await keys.find(tenant, keyId);
  return key && hmacUnder(key);
}
