import { setImmediate as nextTurn } from "node:timers/promises";
import type { Action, AnyAction } from "../core/action.ts";
import { attributionOf, type Cause, causeOfRepeat } from "../core/attribution.ts";
import type { Start } from "../core/claim.ts";
import { cancelled, halted, isCancelled, mismatch, type Outcome, outcomeOf } from "../core/outcome.ts";
import type { Judgement } from "../core/policy.ts";
import { isLapsed, isTerminal, type Receipt } from "../core/receipt.ts";
import { attempt } from "./attempt.ts";
import { begin, FIRST_POLL_MS, type LastKnown, LONGEST_POLL_MS } from "./begin.ts";
import { Flight, type Patience } from "./flight.ts";
import { startOf } from "./intake.ts";
import { nextCause } from "./next-cause.ts";
import { isUnavailable } from "./persist.ts";
import { replay } from "./replay.ts";
import { flightKey, goOn, type Runtime } from "./runtime.ts";
import { canSettle, step } from "./settle.ts";
import { logReplay } from "./side-log.ts";

/**
 * Claim, execute, record, replay for one identified action. Duplicates in this process join the call that is already
 * under way; duplicates elsewhere meet in the store, and so do those in another transaction: what one of them will have
 * made is not made before its commit.
 */
export async function perform(
  runtime: Runtime,
  action: Action,
  judgement: Judgement,
  patience: Patience,
): Promise<Outcome> {
  const key = flightKey(action.tenant, action.requestId) + nameOf(action.tx);
  for (;;) {
    if (patience.signal?.aborted) return cancelled(action.requestId);
    if (runtime.closing.aborted) return unavailable(runtime, action.requestId, "the guard is closed");
    const other = runtime.inFlight.get(key);
    if (!other) break;
    if (other.fingerprint !== action.fingerprint) return mismatch(action.requestId);
    const outcome = await other.join(patience);
    if (outcome === null) return inProgress(action);
    // Only its caller has left: now it is our turn to ask.
    if (isCancelled(outcome)) continue;
    // The call we joined may have given up waiting before we do: then it is our turn to look.
    if (isSettled(outcome) || runtime.clock.monotonicMs() >= patience.until) return asReplay(runtime, outcome, action);
  }
  const flight = takeOff(runtime, key, action, judgement, patience);
  if (!patience.signal) return flight.outcome;
  // A caller who leaves after the dispatch is detached; the effect finishes and is recorded.
  goOn(runtime, runtime.background, flight.outcome);
  const answer = await flight.join({ until: Number.POSITIVE_INFINITY, signal: patience.signal });
  if (answer !== null) return answer;
  // What had only waited for its turn has let go of it by the next turn of the event loop.
  return (await Promise.race([flight.outcome, nextTurn(null)])) ?? inProgress(action);
}

const transactions = new WeakMap<object, string>();
let named = 0;

/** Tells the callers' transactions apart. Empty without one, and for what the store will refuse. */
function nameOf(tx: unknown): string {
  if ((typeof tx !== "object" || tx === null) && typeof tx !== "function") return "";
  const name = transactions.get(tx) ?? `\u0000tx ${++named}`;
  transactions.set(tx, name);
  return name;
}

function takeOff(runtime: Runtime, key: string, action: Action, judgement: Judgement, patience: Patience): Flight {
  const start = startOf(runtime, action, judgement);
  const outcome = lead(runtime, action, start, patience).finally(() => runtime.inFlight.delete(key));
  const flight = new Flight(runtime.clock, action.fingerprint, outcome);
  runtime.inFlight.set(key, flight);
  return flight;
}

/** The call that works for all its duplicates. */
async function lead(runtime: Runtime, action: Action, start: Start, patience: Patience): Promise<Outcome> {
  let known: LastKnown;
  try {
    const begun = await begin(runtime, action, start, patience);
    if ("status" in begun) return begun;
    known = begun;
  } catch (error) {
    if (isUnavailable(error) && action.tx === undefined) return unavailable(runtime, action.requestId, error.message);
    throw error;
  }
  try {
    return await follow(runtime, action, patience, known);
  } catch (error) {
    // The record exists: the last thing known of it is the honest answer while the store is away. And after a dispatch
    // no trouble with the store, of whatever kind, may become an exception that hides what happened.
    if (isUnavailable(error)) return outcomeOf(known.receipt);
    if (known.attempted === null) throw error;
    runtime.report(error);
    return outcomeOf(known.receipt);
  }
}

/** Follows the record until it is settled, taking each step that comes due, for as long as the caller has patience. */
async function follow(runtime: Runtime, action: Action, patience: Patience, known: LastKnown): Promise<Outcome> {
  for (let poll = FIRST_POLL_MS; ; ) {
    const { receipt } = known;
    if (isTerminal(receipt.state)) {
      // Not when somebody else's later attempt made the effect: of all callers, one hears that it executed.
      // Nor on a person's word alone: the attempt may have been given up before it was sent.
      const isOurs = known.attempted === receipt.fencingToken && receipt.evidence !== "person";
      const executed = receipt.state === "succeeded" && isOurs;
      if (executed) return outcomeOf(receipt, "executed");
      if (known.attempted === null) logReplay(runtime, receipt, action);
      return replay(runtime, receipt, action);
    }
    // The caller's transaction waits for nobody, who may wait for it; and no step of ours would be a part of it.
    if (action.tx !== undefined) return outcomeOf(receipt);
    // Stopped between its claim and its dispatch: it is told so now, and not after a backoff.
    const halt = isHeldBack(receipt) ? await runtime.store.haltFor(receipt) : null;
    if (halt) return halted(action.requestId, halt, receipt);
    const askedAt = runtime.clock.monotonicMs();
    const waitMs = untilDue(receipt, action.definition, poll);
    if (waitMs === null) return outcomeOf(receipt);
    if (waitMs <= 0) {
      const taken = await step(
        runtime,
        receipt,
        action.definition,
        false,
        attributionOf(action, causeOf(known, action)),
      );
      if (taken.halt) {
        // What may have happened before the halt is the more important news.
        const isOpen = taken.receipt.state === "in_doubt";
        return isOpen ? outcomeOf(taken.receipt) : halted(action.requestId, taken.halt, taken.receipt);
      }
      if (taken.claim) {
        known.attempted = taken.claim.receipt.fencingToken;
        const result = await attempt(runtime, taken.claim, action, askedAt);
        if ("status" in result) return result;
        known.receipt = result;
        continue;
      }
      if (taken.moved) {
        known.receipt = taken.receipt;
        continue;
      }
    }
    const pause = Math.max(waitMs, poll);
    if (askedAt + pause > patience.until || runtime.closing.aborted) return outcomeOf(receipt);
    poll = Math.min(poll * 2, LONGEST_POLL_MS);
    await runtime.clock.sleep(pause, runtime.closing);
    known.receipt = (await runtime.store.find(receipt.tenant, receipt.requestId)) ?? receipt;
  }
}

function isHeldBack({ state, failure }: Receipt): boolean {
  return state === "retry_wait" && failure?.code === "halted";
}

/** Why this caller's next attempt is made: its own backoff, or that it asked for what somebody else had begun. */
function causeOf({ receipt, attempted }: LastKnown, action: Action): Cause {
  return nextCause(receipt, attempted === null ? causeOfRepeat(receipt, action) : "same_process");
}

/**
 * How long until this record's next step: 0 when it is due, null when nobody but a person or late evidence can move it.
 * A record that somebody else is running is looked at again after `poll`.
 */
function untilDue(receipt: Receipt, definition: AnyAction, poll: number): number | null {
  switch (receipt.state) {
    case "running":
      return isLapsed(receipt) ? 0 : poll;
    case "retry_wait":
      return Math.max(0, (receipt.dueAt ?? 0) - receipt.readAt);
    case "held":
      // Not for as long as a person may take; only what is due now, such as a case that has just become final.
      return receipt.dueAt !== null && receipt.dueAt <= receipt.readAt ? 0 : null;
    case "in_doubt":
      return canSettle(receipt, definition) ? Math.max(0, (receipt.dueAt ?? 0) - receipt.readAt) : null;
    default:
      return null;
  }
}

function isSettled(outcome: Outcome): boolean {
  return outcome.status !== "in_doubt" && outcome.status !== "retry_later" && outcome.status !== "in_progress";
}

/** From the record, as any later call would hear it: a result of one's own, and drift in the prose is recorded. */
function asReplay(runtime: Runtime, outcome: Outcome, action: Action): Outcome {
  if (outcome.receipt && isSettled(outcome)) logReplay(runtime, outcome.receipt, action);
  const isSuccess = outcome.status === "executed" || outcome.status === "replayed";
  return isSuccess && outcome.receipt ? replay(runtime, outcome.receipt, action) : outcome;
}

function inProgress(action: Action): Outcome {
  return {
    status: "in_progress",
    requestId: action.requestId,
    receipt: null,
    retryAfterMs: 1_000,
    next: "It is being executed. Ask again with the same request id.",
  };
}

/** The store could not be asked, and nothing was sent. */
export function unavailable(runtime: Runtime, requestId: string, reason: string): Outcome {
  return {
    status: "unavailable",
    requestId,
    receipt: null,
    dispatched: false,
    reason,
    retryAfterMs: runtime.storeTimeoutMs,
  };
}
