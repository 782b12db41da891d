import type { AnyAction, ProbeAnswer } from "../core/action.ts";
import { type Attribution, attributionOf } from "../core/attribution.ts";
import type { Claim } from "../core/claim.ts";
import type { Halt } from "../core/halt.ts";
import { isRefusal, type LifecycleEvent, transition } from "../core/lifecycle.ts";
import { isLapsed, type Receipt } from "../core/receipt.ts";
import { elapsedMs, hasBudget, retryInMs } from "../core/retry.ts";
import { isCarriedOnByCallersOnly } from "./compensation.ts";
import { TAMPERED } from "./consent.ts";
import { effectContext } from "./execute.ts";
import { askCase } from "./finality.ts";
import { heldEvent } from "./held.ts";
import { refusedNow } from "./judge-request.ts";
import { payloadOf } from "./payload-of.ts";
import { persist } from "./persist.ts";
import { flightKey, type Runtime } from "./runtime.ts";
import { settleDependents } from "./settle-dependents.ts";
import { storedResult } from "./stored-result.ts";

/** One step taken: the record as it now stands, and the claim if the step was to run it again. */
export interface Step {
  readonly receipt: Receipt;
  readonly claim: Claim | null;
  /** False when there was nothing to do, or somebody else did it first. */
  readonly moved: boolean;
  /** What stopped it, if a halt did. */
  readonly halt: Halt | null;
}

/**
 * Takes the next step of a record whose step is due: a passed lease becomes a question, a question is asked, a waiting
 * retry is claimed. Any number of callers and sweepers may try at once; the store lets one of them through.
 *
 * @param by who takes it, for the log.
 * @param giveUp also hand what nothing here could ever settle to a person. Sweepers do, and so does who asks to reconcile;
 *   the call whose answer was lost hears `in_doubt` first. What could be asked and is used up (a key past its lifetime, a
 *   probe past its time) is handed over by whoever finds it (rows 14 and 15).
 * @param executes whether the asker can make the effect. One that cannot still settles, and leaves the rest as it is.
 */
export async function step(
  runtime: Runtime,
  receipt: Receipt,
  definition: AnyAction | null,
  giveUp: boolean,
  by: Attribution = attributionOf(receipt, null),
  executes = true,
): Promise<Step> {
  const unmoved: Step = { receipt, claim: null, moved: false, halt: null };
  const event = await nextEvent(runtime, receipt, definition, giveUp, executes);
  if (event === null) return unmoved;
  // The cause is that of an attempt: a lapse or a probe is nobody's repetition.
  const isAttempt = event.type === "retry" || event.type === "resend" || event.type === "release";
  const change = transition(receipt, event, runtime.randomness.token(), isAttempt ? by : { ...by, cause: null });
  if (isRefusal(change)) return unmoved;
  // A guard that closes claims nothing more, least of all what it has just interrupted itself.
  if (change.sends && (runtime.closing.aborted || !executes)) return unmoved;
  const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.apply(change));
  switch (answer.kind) {
    case "applied":
      await settleDependents(runtime, answer.receipt);
      return { receipt: answer.receipt, claim: answer.claim, moved: true, halt: null };
    case "halted":
      return { ...unmoved, receipt: answer.receipt, halt: answer.halt };
    case "busy":
    case "stale":
      return { ...unmoved, receipt: answer.receipt ?? receipt };
  }
}

async function nextEvent(
  runtime: Runtime,
  receipt: Receipt,
  definition: AnyAction | null,
  giveUp: boolean,
  executes: boolean,
): Promise<LifecycleEvent | null> {
  // A private payload that does not open: its key is gone, or somebody has changed it. There is nothing to execute, nor to
  // ask with; a caller would bring its own.
  const isUnreadable = giveUp && definition !== null && receipt.payload === null;
  const isQuestion = receipt.state === "in_doubt" && receipt.evidence === null;
  if (isUnreadable && (receipt.state === "retry_wait" || isQuestion)) {
    return { type: "give_up", reason: "payload_unreadable", route: "operator" };
  }
  if (isUnreadable && receipt.state === "held") return null;
  switch (receipt.state) {
    case "running":
      return isLapsed(receipt) ? { type: "lapse" } : null;
    case "held":
      return definition && executes && isDue(receipt) ? heldEvent(runtime, receipt, definition) : null;
    case "retry_wait":
      return definition && retryEvent(runtime, receipt, definition, executes);
    case "in_doubt":
      return reconcileEvent(runtime, receipt, definition, giveUp, executes);
    default:
      return null;
  }
}

/** Authority is asked again before anything runs again: the world may have changed while it waited. */
async function retryEvent(
  runtime: Runtime,
  receipt: Receipt,
  definition: AnyAction,
  executes: boolean,
): Promise<LifecycleEvent | null> {
  if (!isDue(receipt) || isPending(runtime, receipt)) return null;
  // What a halt has stopped short of its dispatch has not been tried for all that time.
  const wasTried = receipt.attemptNumber > 0 && receipt.failure?.code !== "halted";
  if (wasTried && elapsedMs(receipt) >= definition.retry.maxElapsedMs) {
    return { type: "give_up", reason: "retries_exhausted", route: "operator" };
  }
  if (!executes) return null;
  const refused = receipt.conflict ? "conflict" : await refusedNow(runtime, receipt, definition);
  if (refused !== null) return refusal(refused);
  if (!(await hasItsCase(runtime, receipt))) return { type: "give_up", reason: "case_taken", route: "operator" };
  return { type: "retry", leaseMs: runtime.leaseMs, notAfter: consentUntil(receipt) };
}

/** Its consent may run out between this look at it and the store's. */
function consentUntil({ hold }: Receipt): number | null {
  return hold?.approval?.expiresAt ?? null;
}

/** A request that was given up and is tried again finds its case taken by another one, perhaps, that has acted on it. */
async function hasItsCase(runtime: Runtime, { tenant, caseId, hold, requestId }: Receipt): Promise<boolean> {
  if (caseId === null) return true;
  return (await askCase(runtime, tenant, caseId, hold?.outcome ?? null, requestId)).kind === "free";
}

/** Backoff and `Retry-After` hold for everybody, also for a caller who asks to reconcile now. */
function isDue(receipt: Receipt): boolean {
  return receipt.dueAt !== null && receipt.dueAt <= receipt.readAt;
}

/** How long ago the last attempt ended, as far as anybody knows, in ms. */
function sinceAttempt(receipt: Receipt): number {
  return receipt.readAt - (receipt.attemptEndedAt ?? receipt.updatedAt);
}

/** The previous attempt's promise is still open in this process: retries of one request are serial. */
function isPending(runtime: Runtime, receipt: Receipt): boolean {
  return runtime.pending.has(flightKey(receipt.tenant, receipt.requestId));
}

async function reconcileEvent(
  runtime: Runtime,
  receipt: Receipt,
  definition: AnyAction | null,
  giveUp: boolean,
  executes: boolean,
): Promise<LifecycleEvent | null> {
  // Its success was heard of while the attempt was under way: no need to ask.
  if (receipt.evidence !== null) {
    const { fencingToken, result } = receipt;
    return { type: "late_success", fencingToken, result, sameKey: false };
  }
  if (!canSettle(receipt, definition)) {
    const isCertain = definition !== null || receipt.capability === "none";
    return giveUp && isCertain ? { type: "give_up", reason: "no_capability", route: "operator" } : null;
  }
  if (!executes && isCarriedOnByCallersOnly(definition)) {
    // Without what is redacted there is nothing to ask with. Its caller would bring that along.
    const waits = sinceAttempt(receipt) < definition.retry.maxElapsedMs;
    return waits ? null : { type: "give_up", reason: "payload_redacted", route: "operator" };
  }
  if (definition.probe) {
    const event = await probeEvent(runtime, receipt, definition);
    if (event.type !== "probe_cannot_tell") return event;
    const resend = executes ? await resendEvent(runtime, receipt, definition) : null;
    if (resend) return resend;
    const asksOn = sinceAttempt(receipt) < definition.retry.maxElapsedMs;
    return asksOn ? event : { type: "give_up", reason: "probe_cannot_tell", route: "operator" };
  }
  if (!isDue(receipt)) return null;
  const resend = await resendEvent(runtime, receipt, definition);
  if (resend) return resend;
  // What only this process knows must not put the question off for the others.
  if (isPending(runtime, receipt)) return null;
  return refusal(await whyNoResend(runtime, receipt, definition));
}

function refusal(reason: string): LifecycleEvent {
  const tampered = reason === TAMPERED;
  return { type: "give_up", reason, route: tampered ? "security" : "operator", tampered };
}

async function whyNoResend(runtime: Runtime, receipt: Receipt, definition: AnyAction): Promise<string> {
  if (keyValidUntil(receipt, definition) <= receipt.readAt) return "key_expired";
  if (isRepeatedError(receipt, definition)) return "provider_repeats_errors";
  if (receipt.conflict) return "conflict";
  return (await refusedNow(runtime, receipt, definition)) ?? "retries_exhausted";
}

/**
 * Whether the action, as it is now, can settle this record without a person. A probe that was added later counts: it asks
 * about the past. A downstream key does not: the earlier attempts may have gone out without it.
 */
export function canSettle(receipt: Receipt, definition: AnyAction | null): definition is AnyAction {
  if (!definition) return false;
  return definition.probe !== null || (definition.downstreamKey !== null && sentKeys(receipt));
}

/** Every attempt of this request has gone out with its downstream key. */
export function sentKeys(receipt: Receipt): boolean {
  return receipt.capability === "downstream_key" || receipt.capability === "probe_and_downstream_key";
}

/** Row 11: the same call again is safe while the other side remembers its key, counted from the first possible send. */
async function resendEvent(runtime: Runtime, receipt: Receipt, definition: AnyAction): Promise<LifecycleEvent | null> {
  const notAfter = keyValidUntil(receipt, definition);
  if (!isDue(receipt) || notAfter <= receipt.readAt || !hasBudget(receipt, definition.retry)) return null;
  if (isPending(runtime, receipt) || isRepeatedError(receipt, definition) || receipt.conflict) return null;
  if ((await refusedNow(runtime, receipt, definition)) !== null) return null;
  const consent = consentUntil(receipt) ?? Number.POSITIVE_INFINITY;
  return { type: "resend", leaseMs: runtime.leaseMs, notAfter: Math.min(notAfter, consent) };
}

/** Until when the other side certainly still dedupes by this request's key; in the past where no key was sent. */
function keyValidUntil(receipt: Receipt, definition: AnyAction): number {
  const key = definition.downstreamKey;
  if (key === null || !sentKeys(receipt)) return Number.NEGATIVE_INFINITY;
  return receipt.generationAt + key.lifetimeMs - key.marginMs;
}

/**
 * The provider has answered with an error, and answers a repeated key with what it answered first: sending again would
 * bring that error again, and say nothing about the effect.
 */
function isRepeatedError(receipt: Receipt, definition: AnyAction): boolean {
  const answered = receipt.failure?.code.startsWith("http_5") ?? false;
  return answered && (definition.downstreamKey?.repeatsErrors ?? false);
}

/** Rows 12 to 14. "Did not happen" counts only when the probe could have seen the effect of the last attempt. */
async function probeEvent(runtime: Runtime, receipt: Receipt, definition: AnyAction): Promise<LifecycleEvent> {
  const watched = runtime.telemetry?.probe(receipt);
  const answer = await (watched
    ? watched.within(() => ask(runtime, receipt, definition))
    : ask(runtime, receipt, definition));
  watched?.end(answer.answer);
  const sinceEnd = sinceAttempt(receipt);
  const settledInMs = Math.max(0, definition.settleDelayMs - sinceEnd);
  switch (answer.answer) {
    case "happened":
      return {
        type: "probe_happened",
        result: storedResult(answer.result, runtime.maxResultBytes, definition.privacy),
      };
    case "did_not_happen":
      if (settledInMs === 0 && !isPending(runtime, receipt)) {
        return {
          type: "probe_did_not_happen",
          retryInMs: retryInMs(receipt, receipt.failure, definition.retry, runtime.randomness.random()),
        };
      }
      return { type: "probe_cannot_tell", nextInMs: Math.max(SHORTEST_PAUSE_MS, settledInMs, definition.retry.baseMs) };
    case "cannot_tell":
      return { type: "probe_cannot_tell", nextInMs: askAgainInMs(runtime, sinceEnd, definition) };
  }
}

async function ask(runtime: Runtime, receipt: Receipt, definition: AnyAction): Promise<ProbeAnswer<unknown>> {
  const controller = new AbortController();
  const late = Promise.withResolvers<ProbeAnswer<unknown>>();
  // Not by a shutdown: what that has interrupted is asked about in the time that is left.
  const cancel = runtime.clock.after(definition.timeoutMs, () => {
    controller.abort();
    late.resolve({ answer: "cannot_tell" });
  });
  try {
    const answer = Promise.resolve(definition.probe?.(payloadOf(receipt), effectContext(receipt, controller.signal)));
    return known(await Promise.race([answer, late.promise]));
  } catch {
    return { answer: "cannot_tell" };
  } finally {
    cancel();
  }
}

/** Anything but one of the three words is an answer that cannot be relied on. */
function known(answer: ProbeAnswer<unknown> | undefined): ProbeAnswer<unknown> {
  return answer?.answer === "happened" || answer?.answer === "did_not_happen" ? answer : { answer: "cannot_tell" };
}

/** Waits about as long again as it has waited so far, between the action's first and longest backoff. */
function askAgainInMs(runtime: Runtime, sinceEndMs: number, definition: AnyAction): number {
  const { baseMs, capMs } = definition.retry;
  const spread = 0.5 + runtime.randomness.random() / 2;
  return Math.max(SHORTEST_PAUSE_MS, Math.round(Math.min(capMs, Math.max(baseMs, sinceEndMs)) * spread));
}

/** Also where the action says 0: a question that is due at once again would be asked for ever. */
const SHORTEST_PAUSE_MS = 10;
