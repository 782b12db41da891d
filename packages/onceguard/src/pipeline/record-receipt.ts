import type { AnyAction } from "../core/action.ts";
import type { Claim } from "../core/claim.ts";
import { type Failure, routeOf } from "../core/failure.ts";
import { isRefusal, type LifecycleEvent, transition } from "../core/lifecycle.ts";
import { lineOf } from "../core/log-line.ts";
import { isTerminal, type Receipt, type StoredResult } from "../core/receipt.ts";
import { retryInMs } from "../core/retry.ts";
import { type Attempt, interruptionFailure } from "./execute.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";
import { sentKeys } from "./settle.ts";
import { settleDependents } from "./settle-dependents.ts";
import { storedResult } from "./stored-result.ts";

/**
 * Record the receipt: what became of the attempt, under its fencing token. A success is never dropped: when the claim
 * has been taken away meanwhile, it is kept as late evidence.
 *
 * @returns the record as it then stands, by whoever wrote it.
 * @throws OnceguardError `store_unavailable` when the store stayed away for the whole grace period.
 */
export async function recordReceipt(
  runtime: Runtime,
  claim: Claim,
  definition: AnyAction,
  attempt: Attempt,
): Promise<Receipt> {
  let receipt = claim.receipt;
  for (;;) {
    const change = transition(receipt, eventOf(runtime, receipt, definition, attempt), claim.ownerToken);
    if (isRefusal(change)) return receipt;
    const answer = await persist(runtime, runtime.graceMs, () => runtime.store.apply(change));
    if (answer.kind === "applied") return answer.receipt;
    if (answer.receipt === null) return receipt; // deleted under our feet by someone with a database console
    receipt = answer.receipt;
    const stillOurs = receipt.state === "running" && receipt.fencingToken === claim.receipt.fencingToken;
    if (!stillOurs) return recordLate(runtime, claim, receipt, attempt, definition);
  }
}

function eventOf(runtime: Runtime, receipt: Receipt, definition: AnyAction, attempt: Attempt): LifecycleEvent {
  switch (attempt.kind) {
    case "success":
      return {
        type: "success",
        result: storedResult(attempt.value, runtime.maxResultBytes, definition.privacy),
        after: attempt.after,
      };
    case "interrupted":
      return { type: "indefinite", failure: interruptionFailure(attempt.by), nextInMs: 0 };
    case "failure":
      return failureEvent(runtime, receipt, definition, attempt.failure);
  }
}

function failureEvent(runtime: Runtime, receipt: Receipt, definition: AnyAction, failure: Failure): LifecycleEvent {
  const wait = retryInMs(receipt, failure, definition.retry, runtime.randomness.random());
  // Not `=== "indefinite"`: whatever else a classifier of the user's answers must not count as certain.
  if (failure.certainty !== "definite") {
    // A probe may ask at once, and so may a person; a re-send waits its backoff, as every attempt does.
    const resends = definition.downstreamKey !== null && definition.probe === null;
    return { type: "indefinite", failure, nextInMs: resends ? (wait ?? 0) : 0 };
  }
  const transient = failure.tier === "transient";
  // What a halt has stopped is not tired: it goes on, whenever that is, when a person resumes it.
  if (failure.code === "halted" && wait === null) {
    return { type: "definite_failure", failure, retryInMs: definition.retry.baseMs, route: null, reason: null };
  }
  return {
    type: "definite_failure",
    failure,
    retryInMs: transient ? wait : null,
    route: routeOf(failure.tier),
    reason: transient ? "retries_exhausted" : failure.tier,
  };
}

/** The claim is gone: a success becomes late evidence (rows 17 and 18), a failure a line in the log. */
export async function recordLate(
  runtime: Runtime,
  claim: Claim,
  current: Receipt,
  attempt: Attempt,
  definition: AnyAction,
): Promise<Receipt> {
  if (attempt.kind !== "success") {
    const failure = attempt.kind === "failure" ? attempt.failure : interruptionFailure(attempt.by);
    await keepLine(runtime, current, "late_failure", claim.receipt, JSON.stringify({ failure }));
    return current;
  }
  const result = storedResult(attempt.value, runtime.maxResultBytes, definition.privacy);
  return recordLateSuccess(runtime, claim.receipt, current, result, definition.downstreamKey !== null);
}

/** An attempt as it was made, whatever has become of its record since. */
export type LateAttempt = Pick<
  Receipt,
  "tenant" | "requestId" | "fencingToken" | "attemptNumber" | "generation" | "actor"
>;

/** Evidence that changes no record is kept all the same. */
export function keepLine(
  runtime: Runtime,
  current: Receipt,
  event: string,
  { fencingToken, attemptNumber, actor }: Pick<LateAttempt, "fencingToken" | "attemptNumber" | "actor">,
  detail: string | null,
): Promise<void> {
  const line = lineOf(current, event, { fencingToken, attemptNumber, actor, detail });
  return persist(runtime, runtime.graceMs, () => runtime.store.append(line));
}

/** A success of an attempt that has lost its claim, as it was made under `of`. */
export async function recordLateSuccess(
  runtime: Runtime,
  of: LateAttempt,
  current: Receipt,
  result: StoredResult | null,
  sendsKey: boolean,
): Promise<Receipt> {
  const { fencingToken, generation } = of;
  let receipt = current;
  for (;;) {
    const sameKey = sendsKey && sentKeys(receipt) && receipt.generation === generation;
    const change = transition(
      receipt,
      { type: "late_success", fencingToken, result, sameKey },
      runtime.randomness.token(),
    );
    if (isRefusal(change)) return receipt;
    if (isTerminal(receipt.state) && change.next.state === receipt.state && change.next.conflict === receipt.conflict) {
      // It changes nothing about a settled record, and the receipt of every replay stays the same to the last field.
      await keepLine(runtime, receipt, change.event, of, change.detail);
      return receipt;
    }
    const answer = await persist(runtime, runtime.graceMs, () => runtime.store.apply(change));
    if (answer.kind === "applied") await settleDependents(runtime, answer.receipt);
    if (answer.kind !== "stale") return answer.receipt;
    if (answer.receipt === null) return receipt;
    receipt = answer.receipt;
  }
}
