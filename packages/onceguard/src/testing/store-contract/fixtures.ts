import assert from "node:assert/strict";
import type { Claim, ClaimRequest } from "../../core/claim.ts";
import type { Failure } from "../../core/failure.ts";
import type { Gate } from "../../core/gate.ts";
import type { Halt, HaltOrder } from "../../core/halt.ts";
import { type Hold, WAITS_FOR_CASE } from "../../core/hold.ts";
import { isRefusal, type LifecycleEvent, type Transition, transition } from "../../core/lifecycle.ts";
import type { ClaimAnswer, LogEntry, Store, TakenNotification } from "../../core/ports.ts";
import type { Receipt, State } from "../../core/receipt.ts";

let tokens = 0;

/** A new owner token, as every call has its own. */
export function token(): string {
  return `owner-${++tokens}`;
}

export const LEASE_MS = 30_000;

/** Fields of a claim; `leaseMs` is short for a `start` that runs. */
export type MoreOfClaim = Partial<ClaimRequest> & { readonly leaseMs?: number };

export function claimRequest(requestId: string, { leaseMs = LEASE_MS, ...more }: MoreOfClaim = {}): ClaimRequest {
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
    hostScope: "thread-1",
    hostCallId: "call-1",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    amount: 5,
    serialized: false,
    caseId: null,
    expected: null,
    keyId: null,
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

/** Claims with a start that does not run, and expects it to be recorded. */
export async function recorded(store: Store, requestId: string, more: MoreOfClaim): Promise<Receipt> {
  const answer = await store.claim(claimRequest(requestId, more));
  assert.equal(answer.kind, "recorded");
  return answer.receipt;
}

/** The record that an answer speaks of: ours, or the one that was there. */
export function receiptIn(answer: ClaimAnswer): Receipt {
  if (answer.kind === "claimed") return answer.claim.receipt;
  assert.ok(answer.kind === "exists" || answer.kind === "recorded", answer.kind);
  return answer.receipt;
}

/** The answer of a claim that wrote no record: nothing of the request may be there. */
export async function refused<Kind extends "halted" | "busy" | "skipped" | "new_epoch">(
  store: Store,
  request: ClaimRequest,
  kind: Kind,
  readFirst = false,
): Promise<Extract<ClaimAnswer, { kind: Kind }>> {
  const answer = await store.claim(request, readFirst);
  assert.equal(answer.kind, kind, `${request.requestId}: ${JSON.stringify(answer)}`);
  assert.equal(await store.find(request.tenant, request.requestId), null);
  return answer as Extract<ClaimAnswer, { kind: Kind }>;
}

export function gateOf(conditions: Partial<Gate>): Gate {
  return { dedup: null, budgets: [], turn: null, ...conditions };
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

/** Refused, in this way: the record and its log are as they were, and the answer shows the record. */
export async function unmoved<Kind extends "stale" | "halted" | "busy">(
  store: Store,
  transition: Transition,
  kind: Kind,
): Promise<Extract<Awaited<ReturnType<Store["apply"]>>, { kind: Kind }>> {
  const { tenant, requestId } = transition.from;
  const [record, log] = [await found(store, transition.from), await store.log(tenant, requestId)];
  const answer = await store.apply(transition);
  assert.equal(answer.kind, kind, `${requestId}: ${transition.event}`);
  sameRecord(answer.receipt, record);
  sameRecord(await found(store, record), record);
  assert.deepEqual(await store.log(tenant, requestId), log);
  return answer as Extract<typeof answer, { kind: Kind }>;
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

/** An entry without its place: each store counts as it likes. */
export function withoutPlace({ seq: _seq, ...rest }: LogEntry): Omit<LogEntry, "seq"> {
  return rest;
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

/** A hold that waits for a finality case, and for nobody else. */
export function holdForCase(caseId: string): Hold {
  return { ...HOLD, waitsFor: "case", reasons: [WAITS_FOR_CASE], caseId, outcome: "won" };
}

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
export const FAILED: LifecycleEvent = { ...BACKOFF, retryInMs: null };
export const GIVE_UP: LifecycleEvent = { type: "give_up", reason: "no_capability", route: "operator" };
export const RETRY: LifecycleEvent = { type: "retry", leaseMs: LEASE_MS };
export const RESEND: LifecycleEvent = { type: "resend", leaseMs: LEASE_MS, notAfter: null };
export const RELEASE: LifecycleEvent = { type: "release", leaseMs: LEASE_MS, notAfter: null };
export const DENY: LifecycleEvent = { type: "deny", actor: "ada", reason: "no" };

const EXPIRE: LifecycleEvent = { type: "expire" };
const COMPENSATE: LifecycleEvent = { type: "compensate", actor: null };

/** Each state, and for a tombstone what it was; the way there from the claim, or from the hold. */
export const WAYS: Readonly<Record<State | "expired, failed" | "expired, denied", readonly LifecycleEvent[]>> = {
  held: [],
  running: [],
  retry_wait: [BACKOFF],
  in_doubt: [DOUBT],
  review: [DOUBT, GIVE_UP],
  succeeded: [SUCCESS],
  failed: [FAILED],
  denied: [DENY],
  compensating: [SUCCESS, COMPENSATE],
  compensated: [SUCCESS, COMPENSATE, { type: "compensated" }],
  expired: [SUCCESS, EXPIRE],
  "expired, failed": [FAILED, EXPIRE],
  "expired, denied": [DENY, EXPIRE],
};

export type Way = keyof typeof WAYS;

/** Makes a record and brings it there. */
export async function made(store: Store, requestId: string, way: Way, more: MoreOfClaim = {}): Promise<Receipt> {
  const isHeldFirst = way === "held" || way.endsWith("denied");
  const begun = isHeldFirst
    ? await recorded(store, requestId, { start: { state: "held", hold: HOLD, dueInMs: 60_000 }, ...more })
    : (await claimed(store, requestId, more)).receipt;
  return moved(store, begun, ...WAYS[way]);
}

/** Stops the run of `claimRequest`, unless told otherwise. */
export function haltOrder(more: Partial<HaltOrder> = {}): HaltOrder {
  return { tenant: "acme", scope: "run", id: "run-1", reason: "it loops", actor: "ada", ...more };
}

/** A halt in force, as ordered. */
export function halted(order: HaltOrder, haltedAt: number): Halt {
  return { ...order, haltedAt, resumedAt: null, resumedBy: null, resumeReason: null };
}

/** Everything that people have to be told now, for any route; each with its own lease of a day. */
export async function told(store: Store): Promise<readonly TakenNotification[]> {
  const routes = ["data_owner", "domain_expert", "operator", "security"] as const;
  return store.takeNotifications({ routes, limit: 1_000, leaseMs: 86_400_000 });
}
