import type { AnyAction, EffectContext } from "../core/action.ts";
import type { Claim } from "../core/claim.ts";
import { classifyFailure, type Failure, messageOf } from "../core/failure.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import type { JsonValue } from "../core/json.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import { lineOf } from "../core/log-line.ts";
import { withoutPrivate } from "../core/privacy.ts";
import type { Expected, Receipt, StoredResult } from "../core/receipt.ts";
import type { EffectEnding } from "../core/telemetry.ts";
import { sha256 } from "./digest.ts";
import type { HeldLease } from "./leases.ts";
import { type Executed, payloadFor } from "./payload-of.ts";
import { isUnavailable, persist } from "./persist.ts";
import { readAfter, stateText } from "./record-state.ts";
import { flightKey, type Runtime } from "./runtime.ts";
import { endingOfFailure, HAPPENED } from "./watch.ts";

/** How one attempt ended. `late` resolves to what the effect answers after the guard stopped waiting for it. */
export type Attempt =
  | { readonly kind: "success"; readonly value: unknown; readonly after: string | null }
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
export async function execute(runtime: Runtime, claim: Claim, action: Executed, askedAt: number): Promise<Made> {
  const { definition } = action;
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
    const looked = await Promise.race([lookBefore(runtime, claim.receipt, action, controller.signal), interrupted]);
    if (typeof looked === "string") return { claim, attempt: notSent("not_dispatched") };
    if (looked && "certainty" in looked) return { claim, attempt: { kind: "failure", failure: looked } };
    const ready = await lastLook(runtime, claim, definition, lease, askedAt, looked);
    if ("kind" in ready) return { claim, attempt: ready };
    // Its time was over before it began.
    if (controller.signal.aborted) return { claim: ready, attempt: notSent("not_dispatched") };
    const { signal } = controller;
    const watched = runtime.telemetry?.effect(ready.receipt);
    const effect = watched
      ? watched.within(() => dispatch(runtime, ready, action, signal))
      : dispatch(runtime, ready, action, signal);
    const first = await Promise.race([effect, interrupted]);
    watched?.end(endingOf(first));
    if (typeof first === "string") return { claim: ready, attempt: { kind: "interrupted", by: first, late: effect } };
    if (first.kind !== "success" || !definition.after) return { claim: ready, attempt: first };
    const context = effectContext(ready.receipt, controller.signal);
    const read = readAfter(runtime, action, ready.receipt, context, first.value);
    const after = await Promise.race([read, interrupted.then(() => null)]);
    return { claim: ready, attempt: { ...first, after } };
  } finally {
    cancelTimeout();
    stopShutdown();
    runtime.leases.release(lease);
  }
}

/**
 * What the record is like before anything is sent: for the log, and where the action or the caller expects something of
 * it. Null where nobody reads it.
 */
async function lookBefore(
  runtime: Runtime,
  receipt: Receipt,
  action: Executed,
  signal: AbortSignal,
): Promise<StoredResult | Failure | null> {
  const { definition } = action;
  if (!definition.before) return null;
  try {
    const before: unknown = await definition.before(payloadFor(action, receipt), effectContext(receipt, signal));
    const problem = unexpected(receipt, action, before);
    return problem ?? stateText(before, runtime.maxResultBytes, definition.privacy);
  } catch (error) {
    const message = `The record could not be read, so nothing was sent: ${messageOf(error)}`;
    const failure: Failure = { certainty: "definite", tier: "transient", code: "before_failed", message };
    return withoutPrivate(failure, definition.privacy, payloadFor(action, receipt) as JsonValue);
  }
}

/** Null where the record is as the action and the caller expect it. */
export function unexpected(receipt: Receipt, action: Executed, before: unknown): Failure | null {
  const verdict = action.definition.expect?.(payloadFor(action, receipt), before) ?? true;
  const problem =
    verdict === true ? differs(before, receipt.expected) : String(verdict || "the record is not as expected");
  if (problem === null) return null;
  return { certainty: "definite", tier: "conflict", code: "unexpected_state", message: problem };
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
 * commit could not see is looked for again when that commit is not quite recent, or the action has read its record since.
 */
async function lastLook(
  runtime: Runtime,
  claim: Claim,
  definition: AnyAction,
  lease: HeldLease,
  askedAt: number,
  before: StoredResult | null,
): Promise<Claim | Attempt> {
  try {
    const ready = await logBefore(runtime, claim, before);
    if ("kind" in ready) return ready;
    // A claim whose first answer was lost is older than the question that got it now.
    const { readAt, updatedAt } = claim.receipt;
    const sinceClaim = runtime.clock.monotonicMs() - askedAt + (readAt - updatedAt);
    if (definition.before !== null || sinceClaim > runtime.haltLookMs) {
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

/**
 * What the record was like is known for good before anything is sent, or a crash would take it along: no correction could
 * put it back. With `preciseDispatch` it rides with the mark.
 */
async function logBefore(runtime: Runtime, claim: Claim, before: StoredResult | null): Promise<Claim | Attempt> {
  const { receipt } = claim;
  const text = before && "json" in before ? before.json : null;
  // A record that was begun in a transaction, by an earlier version of its action, would take a lapse for proof.
  if (receipt.dispatched !== null || receipt.capability === "transaction") return mark(runtime, claim, text);
  if (before === null) return claim;
  const detail = "omitted" in before ? JSON.stringify(before) : null;
  const line = lineOf(receipt, "before", { before: text, detail });
  await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.append(line));
  return claim;
}

/** `preciseDispatch`: the mark comes first, under the fence. Without it nothing is sent, whoever looks later. */
async function mark(runtime: Runtime, claim: Claim, before: string | null): Promise<Claim | Attempt> {
  // A token of its own: the write after it would otherwise be taken for this one, asked again.
  const change = transition(claim.receipt, { type: "dispatch", before }, runtime.randomness.token());
  if (isRefusal(change)) return notSent("not_dispatched");
  const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.apply(change));
  if (answer.kind === "applied" && answer.claim) return answer.claim;
  return notSent(answer.kind === "halted" ? "halted" : "not_dispatched");
}

/** What is known of the effect by now. One that the guard has stopped waiting for may still have it. */
function endingOf(first: Attempt | Interruption): EffectEnding {
  if (typeof first === "string") return { answer: "cannot_tell", failure: { code: first, tier: "transient" } };
  return first.kind === "failure" ? endingOfFailure(first.failure) : HAPPENED;
}

/** What `signal.reason` says to the effect; like the platform's own, by name. */
function interruptionError(by: Interruption): Error {
  return Object.assign(new Error(MESSAGES[by]), { name: by === "timeout" ? "TimeoutError" : "AbortError", code: by });
}

/** Calls the action's code; remembers the attempt until its promise settles, however long the guard waits for it. */
function dispatch(runtime: Runtime, claim: Claim, action: Executed, signal: AbortSignal): Promise<Attempt> {
  const { receipt } = claim;
  const key = flightKey(receipt.tenant, receipt.requestId);
  const effect = call(action, receipt, signal);
  const pending = effect.finally(() => {
    if (runtime.pending.get(key) === pending) runtime.pending.delete(key);
  });
  runtime.pending.set(key, pending);
  return effect;
}

async function call(action: Executed, receipt: Receipt, signal: AbortSignal): Promise<Attempt> {
  try {
    const value: unknown = await action.definition.execute(payloadFor(action, receipt), effectContext(receipt, signal));
    return { kind: "success", value, after: null };
  } catch (error) {
    return { kind: "failure", failure: failureOf(error, action, receipt) };
  }
}

/** What the action's own code threw, without what it says of the payload's private fields. */
export function failureOf(error: unknown, action: Executed, receipt: Receipt): Failure {
  const { definition } = action;
  // The time of its claim serves a Retry-After that names a date, and waits an attempt too long rather than too short.
  const failure = classifyFailure(error, definition.noEffectOn, definition.classify, receipt.readAt);
  return withoutPrivate(failure, definition.privacy, payloadFor(action, receipt) as JsonValue);
}

export function effectContext(receipt: Receipt, signal: AbortSignal): EffectContext {
  const { tenant, requestId, generation, attemptNumber, fencingToken, recordId, runId } = receipt;
  return {
    tenant,
    requestId,
    // Most effects never ask for it, and a hash is a good part of what a call costs.
    get idempotencyKey() {
      return idempotencyKey(sha256, tenant, requestId, generation);
    },
    signal,
    attemptNumber,
    fencingToken,
    recordId,
    runId,
  };
}
