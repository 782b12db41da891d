import type { Action, AnyAction, CallContext } from "../core/action.ts";
import { CALLER_CAUSES } from "../core/attribution.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import type { Hmac } from "../core/digest.ts";
import { OnceguardError } from "../core/errors.ts";
import { fingerprint, withoutFields } from "../core/fingerprint.ts";
import { tierDemands } from "../core/policy.ts";
import { redacted } from "../core/privacy.ts";
import {
  checkRequestId,
  deriveRequestId,
  type KeySource,
  keyPart,
  keyParts,
  problemWithName,
} from "../core/request-id.ts";
import { sha256 } from "./digest.ts";
import { amountOf } from "./judge-request.ts";
import type { ValidPayload } from "./propose.ts";

export const DEFAULT_TENANT = "default";

/** Everything of an action but its fingerprint, whose key the store keeps. */
export type Identified = Omit<Action, "fingerprint">;

/**
 * Identify: the validated payload gets its request id, by the best rung of the identity ladder that there is. Needs no
 * store, so that a caller hears the request id also when the store is away.
 *
 * @throws OnceguardError `missing_identity` | `missing_key_field` | `invalid_request_id` | `invalid_context`
 */
export function identify(definition: AnyAction, valid: ValidPayload, context: CallContext): Identified {
  const tenant = tenantOf(context);
  const explicit = context.requestId === undefined ? null : checkRequestId(context.requestId);
  const { keySource, parts } = ladder(definition, valid, context, explicit);
  if (!tierDemands(definition.riskTier).identity.includes(keySource)) {
    throw new OnceguardError(
      "missing_identity",
      `Action "${definition.name}" is ${definition.riskTier} and nothing names the intended effect. Give it keyFields, or pass a requestId that stays the same when the caller retries.`,
      { action: definition.name, riskTier: definition.riskTier },
    );
  }
  const requestId =
    keySource === "explicit" && explicit !== null ? explicit : deriveRequestId(sha256, tenant, definition.name, parts);
  return {
    definition,
    tenant,
    requestId,
    explicitId: explicit !== null && explicit !== requestId ? explicit : null,
    keySource,
    recordId: definition.record ? name("record", definition.record(valid.payload)) : null,
    amount: amountOf(definition, valid.payload),
    boundTo: boundTo(definition, valid),
    payload: valid.payload,
    canonical: valid.canonical,
    recorded: recordedText(definition, valid),
    keyId: null,
    runId: context.runId === undefined ? null : name("runId", context.runId),
    actor: context.actor === undefined ? null : name("actor", context.actor),
    hostScope: context.host === undefined ? null : name("host.scope", context.host.scope),
    hostCallId: context.host?.callId === undefined ? null : name("host.callId", context.host.callId),
    traceId: context.traceId === undefined ? null : name("traceId", context.traceId),
    cause: causeOf(context),
    expected: expectedOf(definition, context),
    tx: context.tx,
  };
}

/** @throws OnceguardError `invalid_context` */
function causeOf({ cause }: CallContext): Identified["cause"] {
  if (cause === undefined || CALLER_CAUSES.includes(cause)) return cause ?? null;
  const expected = CALLER_CAUSES.join(", ");
  throw new OnceguardError("invalid_context", `cause is one of ${expected}. Nothing was sent.`, { what: "cause" });
}

function boundTo(definition: AnyAction, { payload }: ValidPayload): Identified["boundTo"] {
  const bound = definition.case?.(payload);
  return bound ? { id: name("case", bound.id), outcome: bound.outcome ?? null } : null;
}

/** @throws OnceguardError `invalid_context` */
function expectedOf(definition: AnyAction, { expected }: CallContext): Identified["expected"] {
  if (expected === undefined) return null;
  if (definition.before) return expected;
  throw new OnceguardError(
    "invalid_context",
    `Action "${definition.name}" has no before, so there is nothing that expected could be compared with. Nothing was sent.`,
    { what: "expected" },
  );
}

function recordedText({ privacy }: AnyAction, { payload, canonical }: ValidPayload): string {
  return privacy === null || privacy.redact.length === 0 ? canonical : canonicalJson(redacted(payload, privacy));
}

/**
 * The action as it is claimed: with the identity of its payload, under the tenant's key. Added in place: whoever waits
 * for its outcome would hold both.
 */
export function withFingerprint(identified: Identified, hmac: Hmac): Action {
  const { definition, payload, canonical } = identified;
  return Object.assign(identified, {
    fingerprint: fingerprint(hmac, definition.name, payload, definition.volatile, canonical),
  });
}

/** @throws OnceguardError `invalid_context` */
function name(what: string, text: string): string {
  const problem = problemWithName(text);
  if (problem === null) return text;
  throw new OnceguardError("invalid_context", `${what} is ${problem}. Nothing was sent.`, { what, problem });
}

export function tenantOf(context: CallContext): string {
  return context.tenant === undefined ? DEFAULT_TENANT : name("tenant", context.tenant);
}

/** Business key > explicit request id > host scope and call id > content. */
function ladder(
  definition: AnyAction,
  valid: ValidPayload,
  context: CallContext,
  explicit: string | null,
): { keySource: KeySource; parts: readonly string[] } {
  const { key, keyFields, name } = definition;
  if (keyFields) return { keySource: "business_key", parts: keyParts(name, valid.payload, keyFields) };
  if (key) return { keySource: "business_key", parts: ownKey(name, key(valid.payload)) };
  if (explicit !== null) return { keySource: "explicit", parts: [] };
  const { host, contentScope } = context;
  if (host?.callId && contentScope === undefined)
    return { keySource: "host_call", parts: ["host_call", host.scope, host.callId] };
  const content = canonicalJson(withoutFields(valid.payload, definition.volatile));
  return { keySource: "content", parts: ["content", contentScope ?? host?.scope ?? "", content] };
}

function ownKey(action: string, parts: readonly (string | number | boolean)[]): readonly string[] {
  const bad = !Array.isArray(parts) || parts.length === 0 || parts.some((part) => part === "" || part == null);
  if (!bad) return parts.map(keyPart);
  throw new OnceguardError(
    "missing_key_field",
    `The key function of action "${action}" gave no complete key; return the values that name the intended effect.`,
    { action },
  );
}
