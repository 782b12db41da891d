import type { Action, AnyAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { DataKey } from "../core/key-ring.ts";
import type { Privacy } from "../core/privacy.ts";
import { type CompensationPayload, definitionFor, isCompensation } from "./compensation.ts";
import { type Identified, withFingerprint } from "./identify.ts";
import { persist } from "./persist.ts";
import { hmacUnder } from "./private-fields.ts";
import type { Runtime } from "./runtime.ts";

/**
 * The action as it is claimed: with the identity of its payload, and the key of its private fields. A payload with a
 * subject is fingerprinted under that subject's key, so that a destroyed key leaves nothing to try guesses on.
 *
 * @throws OnceguardError `invalid_option` | `key_unavailable`
 */
export function underKey(runtime: Runtime, identified: Identified): Action | Promise<Action> {
  const { definition, tenant } = identified;
  const { privacy } = definition;
  if (privacy === null) return withFingerprint(identified, runtime.hmac(tenant));
  runtime.privacyOfUnregistered.set(definition.name, privacy);
  return encrypts(privacy)
    ? encryptedUnder(runtime, identified, privacy)
    : withFingerprint(identified, runtime.hmac(tenant));
}

async function encryptedUnder(runtime: Runtime, identified: Identified, privacy: Privacy): Promise<Action> {
  const { tenant } = identified;
  const key = await keyFor(runtime, identified, privacy);
  if (key === null) return withFingerprint(identified, runtime.hmac(tenant));
  const hmac = privacy.subject === null ? runtime.hmac(tenant) : hmacUnder(key);
  return { ...withFingerprint(identified, hmac), keyId: key.id };
}

async function keyFor(runtime: Runtime, identified: Identified, privacy: Privacy): Promise<DataKey | null> {
  const { definition, tenant, payload } = identified;
  const { keys } = runtime;
  if (keys === null) throw needsKeys(definition.name);
  if (!isCompensation(definition.name)) return keys.current(tenant, subjectOf(definition, privacy, payload));
  // The undoing of an effect is about the same subject.
  const { of } = payload as unknown as CompensationPayload;
  const original = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.find(tenant, of));
  return original?.keyId ? keys.find(tenant, original.keyId) : null;
}

/** @throws OnceguardError `invalid_context` */
function subjectOf({ name }: AnyAction, { subject }: Privacy, payload: unknown): string | null {
  if (subject === null) return null;
  const whose: unknown = subject(payload);
  if (typeof whose === "string" && whose !== "") return whose;
  throw new OnceguardError(
    "invalid_context",
    `privacy.subject of action "${name}" gave no name: whose data is this? Nothing was sent.`,
    { what: "privacy.subject", action: name },
  );
}

export function encrypts({ encrypt }: Privacy): boolean {
  return encrypt.length > 0;
}

/** What this guard knows to be private of an action, registered here or not; undefined where it knows nothing of it. */
export function rulesOf(runtime: Runtime, action: string): Privacy | null | undefined {
  return runtime.privacyOfUnregistered.get(action) ?? definitionFor(runtime, action)?.privacy;
}

export function privacyOf(runtime: Runtime, action: string): Privacy | null {
  return rulesOf(runtime, action) ?? null;
}

export function needsKeys(action: string): OnceguardError {
  return new OnceguardError(
    "invalid_option",
    `Action "${action}" encrypts fields, and the guard has no keys. Give createGuard keys, such as keyFolder(...) from "onceguard/privacy".`,
    { option: "keys", action },
  );
}
