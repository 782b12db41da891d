import assert from "node:assert/strict";
import type { Claim, ClaimRequest } from "../../core/claim.ts";
import type { Failure } from "../../core/failure.ts";
import type { Hold } from "../../core/hold.ts";
import { isRefusal, type LifecycleEvent, type Transition, transition } from "../../core/lifecycle.ts";
import type { Store } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";

let tokens = 0;

/** A new owner token, as every call has its own. */
export function token(): string {
  return `owner-${++tokens}`;
}

export const LEASE_MS = 30_000;

/** Fields of a claim; `leaseMs` is short for a `start` that runs. */
export type MoreOfClaim = Partial<ClaimRequest> & { readonly leaseMs?: number };

export function claimRequest(
  requestId: string,
  { leaseMs = LEASE_MS, ...more }: MoreOfClaim = {},
): ClaimRequest {
  return {
    tenant: "acme",
    requestId,
    explicitId: null,
    action: "refund",
    recordId: "order:A1",
    riskTier: "irreversible",
    capability: "downstream_key",
    keySource: "business_key",
    fingerprint: "f".repeat(64),
    payload: '{"amount":5,"orderId":"A1"}',
    runId: "run-1",
    actor: "agent-7",
    amount: 5,
    serialized: false,
    caseId: null,
    ownerToken: token(),
    start: { state: "running", leaseMs },
    tracked: false,
    gate: null,
    ...more,
  };
}

/** Claims, and expects to win. */
export async function claimed(store: Store, requestId: string, more: MoreOfClaim = {}): Promise<Claim> {
  const answer = await store.claim(claimRequest(requestId, more));
  assert.equal(answer.kind, "claimed");
  return answer.claim;
}

/** The transition that the lifecycle makes of this event; the event must be allowed. */
export function change(receipt: Receipt, event: LifecycleEvent, ownerToken: string = token()): Transition {
  const made = transition(receipt, event, ownerToken);
  assert.ok(!isRefusal(made), `${event.type} is refused from ${receipt.state}`);
  return made;
}

/** Applies one event after the other, and expects each to be applied. */
export async function moved(store: Store, receipt: Receipt, ...events: readonly LifecycleEvent[]): Promise<Receipt> {
  let current = receipt;
  for (const event of events) {
    const answer = await store.apply(change(current, event));
    assert.equal(answer.kind, "applied");
    current = answer.receipt;
  }
  return current;
}

/** The record as it is; it must be there. */
export async function found(store: Store, receipt: Pick<Receipt, "tenant" | "requestId">): Promise<Receipt> {
  const read = await store.find(receipt.tenant, receipt.requestId);
  assert.ok(read, `${receipt.requestId} is not there`);
  return read;
}

/** Equal in everything but when it was read. */
export function sameRecord(actual: Receipt | null, expected: Receipt): void {
  assert.deepEqual(actual && { ...actual, readAt: 0 }, { ...expected, readAt: 0 });
}

/** A hold that waits for a person. */
export const HOLD: Hold = {
  waitsFor: "approval",
  reasons: ["over the limit"],
  actionVersion: "1",
  policyVersion: "1",
  caseId: null,
  outcome: null,
  approval: null,
};

export const APPROVE: LifecycleEvent = {
  type: "approve",
  approval: { actor: "ada", reason: "checked", expiresAt: 4_102_444_800_000, fingerprint: "f".repeat(64) },
};

export const DEFINITE: Failure = {
  certainty: "definite",
  tier: "conflict",
  code: "http_409",
  message: "the order was already refunded",
};

export const INDEFINITE: Failure = {
  certainty: "indefinite",
  tier: "transient",
  code: "ECONNRESET",
  message: "socket hang up",
  retryAfterMs: 1_500,
};

export const SUCCESS: LifecycleEvent = { type: "success", result: { json: '{"id":"re_1"}' } };
export const DOUBT: LifecycleEvent = { type: "indefinite", failure: INDEFINITE, nextInMs: 0 };
export const BACKOFF: LifecycleEvent = {
  type: "definite_failure",
  failure: DEFINITE,
  retryInMs: 0,
  route: null,
  reason: null,
};
