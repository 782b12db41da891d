import type { AnyAction, EffectContext } from "../core/action.ts";
import type { Claim } from "../core/claim.ts";
import { classifyFailure, type Failure, messageOf } from "../core/failure.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import type { Expected, Receipt } from "../core/receipt.ts";
import { sha256 } from "./digest.ts";
import type { HeldLease } from "./leases.ts";
import { payloadOf } from "./payload-of.ts";
import { isUnavailable, persist } from "./persist.ts";
import { flightKey, type Runtime } from "./runtime.ts";

/** How one attempt ended. `late` resolves to what the effect answers after the guard stopped waiting for it. */
export type Attempt =
  | { readonly kind: "success"; readonly value: unknown }
  | { readonly kind: "failure"; readonly failure: Failure }
  | { readonly kind: "interrupted"; readonly by: Interruption; readonly late: Promise<Attempt> };

/** An attempt, and the claim as it stood at its dispatch. */
export interface Made {
  readonly claim: Claim;
  readonly attempt: Attempt;
}

/** Why the guard stopped waiting for an effect that may still happen. */
export type Interruption = "timeout" | "lease_lost" | "shutdown";

const MESSAGES: Readonly<Record<Interruption, string>> = {
  timeout: "The attempt took longer than the action's timeout; it may still happen.",
  lease_lost: "The claim was lost while the effect was under way.",
  shutdown: "The process shut down before the effect had answered.",
};

export function interruptionFailure(by: Interruption): Failure {
  return { certainty: "indefinite", tier: "transient", code: by, message: MESSAGES[by] };
}

/** Why nothing was sent although it was claimed. */
const NOT_SENT: Readonly<Record<"not_dispatched" | "halted" | "shutdown", string>> = {
  not_dispatched: "The claim could not be confirmed in time, so nothing was sent.",
  halted: "It was halted between its claim and its dispatch; nothing was sent.",
  shutdown: "The process was shutting down before anything was sent.",
};

function notSent(code: keyof typeof NOT_SENT): Attempt {
  return { kind: "failure", failure: { certainty: "definite", tier: "transient", code, message: NOT_SENT[code] } };
}

/**
 * Execute: dispatches the effect of a claim, once, unless something turns up at the last moment that speaks against it.
 * `askedAt` is when the claim was asked for (monotonic ms).
 */
export async function execute(runtime: Runtime, claim: Claim, definition: AnyAction, askedAt: number): Promise<Made> {
  const controller = new AbortController();
  let interrupt: (by: Interruption) => void = () => undefined;
  const interrupted = new Promise<Interruption>((resolve) => {
    interrupt = resolve;
  });
  const stop = (by: Interruption): void => {
    interrupt(by);
    controller.abort(interruptionError(by));
  };
  const lease = runtime.leases.hold(claim, askedAt, () => stop("lease_lost"));
  const cancelTimeout = runtime.clock.after(definition.timeoutMs, () => stop("timeout"));
  const stopShutdown = runtime.onAbort(() => stop("shutdown"));
  try {
    const unexpected = await Promise.race([lookBefore(claim.receipt, definition, controller.signal), interrupted]);
    if (typeof unexpected === "string") return { claim, attempt: notSent("not_dispatched") };
    if (unexpected) return { claim, attempt: { kind: "failure", failure: unexpected } };
    const ready = await lastLook(runtime, claim, definition, lease, askedAt);
    if ("kind" in ready) return { claim, attempt: ready };
    // Its time was over before it began.
    if (controller.signal.aborted) return { claim: ready, attempt: notSent("not_dispatched") };
    const effect = dispatch(runtime, ready, definition, controller.signal);
    const first = await Promise.race([effect, interrupted]);
    return {
      claim: ready,
      attempt: typeof first === "string" ? { kind: "interrupted", by: first, late: effect } : first,
    };
  } finally {
    cancelTimeout();
    stopShutdown();
    runtime.leases.release(lease);
  }
}

/** What the record is like before anything is sent, where the action or the caller expects something of it. */
async function lookBefore(receipt: Receipt, definition: AnyAction, signal: AbortSignal): Promise<Failure | null> {
  const { expected } = receipt;
  if (!definition.before || (!definition.expect && !expected)) return null;
  try {
    const context = effectContext(receipt, signal);
    const before: unknown = await definition.before(payloadOf(receipt), context);
    const verdict = definition.expect?.(payloadOf(receipt), before) ?? true;
    const problem = verdict === true ? differs(before, expected) : String(verdict || "the record is not as expected");
    if (problem === null) return null;
    return { certainty: "definite", tier: "conflict", code: "unexpected_state", message: problem };
  } catch (error) {
    const message = `The record could not be read, so nothing was sent: ${messageOf(error)}`;
    return { certainty: "definite", tier: "transient", code: "before_failed", message };
  }
}

function differs(before: unknown, expected: Expected | null): string | null {
  for (const [field, value] of Object.entries(expected ?? {})) {
    const found = (before as Readonly<Record<string, unknown>> | null | undefined)?.[field];
    if (!Object.is(found, value)) return `${field} is ${JSON.stringify(found)}, not ${JSON.stringify(value)}`;
  }
  return null;
}

/**
 * From here to the send, assumption A1 bounds the pause by the margin. A halt counts up to here: what the claim's own
 * commit could not see is looked for again when that commit is not quite recent.
 */
async function lastLook(
  runtime: Runtime,
  claim: Claim,
  definition: AnyAction,
  lease: HeldLease,
  askedAt: number,
): Promise<Claim | Attempt> {
  try {
    const ready = claim.receipt.dispatched === null ? claim : await mark(runtime, claim);
    if ("kind" in ready) return ready;
    // A claim whose first answer was lost is older than the question that got it now.
    const { readAt, updatedAt } = claim.receipt;
    if (runtime.clock.monotonicMs() - askedAt + (readAt - updatedAt) > runtime.haltLookMs) {
      const look = () => runtime.store.haltFor(claim.receipt);
      if (await persist(runtime, runtime.storeTimeoutMs, look)) return notSent("halted");
    }
    if (!(await runtime.leases.ensure(lease, runtime.leaseMarginMs))) return notSent("not_dispatched");
    if (!isKeyInTime(runtime, claim.receipt, definition, askedAt)) return notSent("not_dispatched");
    // The effect of a guard whose grace period is over would have nobody to record it.
    return runtime.aborting.aborted ? notSent("shutdown") : ready;
  } catch (error) {
    if (isUnavailable(error)) return notSent("not_dispatched");
    throw error;
  }
}

/**
 * A re-send was granted while the other side still knew its key for longer than the margin. Half of the margin is for
 * what has passed since, on the way here; the other half for the way there.
 */
function isKeyInTime(runtime: Runtime, receipt: Receipt, definition: AnyAction, askedAt: number): boolean {
  if (definition.downstreamKey === null || !receipt.mayHaveApplied) return true;
  return runtime.clock.monotonicMs() - askedAt < definition.downstreamKey.marginMs / 2;
}

/** `preciseDispatch`: the mark comes first, under the fence. Without it nothing is sent, whoever looks later. */
async function mark(runtime: Runtime, claim: Claim): Promise<Claim | Attempt> {
  // A token of its own: the write after it would otherwise be taken for this one, asked again.
  const change = transition(claim.receipt, { type: "dispatch" }, runtime.randomness.token());
  if (isRefusal(change)) return notSent("not_dispatched");
  const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.apply(change));
  if (answer.kind === "applied" && answer.claim) return answer.claim;
  return notSent(answer.kind === "halted" ? "halted" : "not_dispatched");
}

/** What `signal.reason` says to the effect; like the platform's own, by name. */
function interruptionError(by: Interruption): Error {
  return Object.assign(new Error(MESSAGES[by]), { name: by === "timeout" ? "TimeoutError" : "AbortError", code: by });
}

/** Calls the action's code; remembers the attempt until its promise settles, however long the guard waits for it. */
function dispatch(runtime: Runtime, claim: Claim, definition: AnyAction, signal: AbortSignal): Promise<Attempt> {
  const { receipt } = claim;
  const key = flightKey(receipt.tenant, receipt.requestId);
  const effect = call(definition, receipt, signal);
  const pending = effect.finally(() => {
    if (runtime.pending.get(key) === pending) runtime.pending.delete(key);
  });
  runtime.pending.set(key, pending);
  return effect;
}

async function call(definition: AnyAction, receipt: Receipt, signal: AbortSignal): Promise<Attempt> {
  try {
    return { kind: "success", value: await definition.execute(payloadOf(receipt), effectContext(receipt, signal)) };
  } catch (error) {
    return { kind: "failure", failure: classifyFailure(error, definition.noEffectOn, definition.classify) };
  }
}

export function effectContext(receipt: Receipt, signal: AbortSignal): EffectContext {
  const { tenant, requestId, generation, attemptNumber, fencingToken, recordId, runId } = receipt;
  return {
    tenant,
    requestId,
    idempotencyKey: idempotencyKey(sha256, tenant, requestId, generation),
    signal,
    attemptNumber,
    fencingToken,
    recordId,
    runId,
  };
}
