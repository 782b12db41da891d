import { type Attribution, attributionOf } from "./attribution.ts";
import type { ClaimRequest, Start } from "./claim.ts";
import { didNotHappen, type Failure, type Route } from "./failure.ts";
import type { HaltOrder } from "./halt.ts";
import { type Approval, type Hold, reasonOf } from "./hold.ts";
import type { Notification } from "./notification.ts";
import { type Evidence, type Receipt, STATES, type State, type StoredResult } from "./receipt.ts";

/** What can happen to a request, with what is known at that moment. */
export type LifecycleEvent =
  /**
   * A first claim where policy allows it (row 1), or where a person or a finality case has to agree first (row 2); one
   * that is recorded now and executed later (the outbox); and one that an earlier life of the store may have sent.
   */
  | { readonly type: "claim" }
  | { readonly type: "hold" }
  | { readonly type: "enqueue" }
  | { readonly type: "doubt" }
  /** A person consents. The consent is kept with the record, and `release` consumes it. */
  | { readonly type: "approve"; readonly approval: Approval }
  /** It still has to wait, with other conditions or until another time. */
  | { readonly type: "keep_held"; readonly hold: Hold; readonly nextInMs: number }
  /** What it waited for is there. `notAfter`: when the consent runs out, by the store's clock. */
  | { readonly type: "release"; readonly leaseMs: number; readonly notAfter: number | null }
  /** `tampered`: what was consented to has been changed. That halts the run, and security is told. */
  | { readonly type: "deny"; readonly actor: string | null; readonly reason: string; readonly tampered?: boolean }
  /** With `preciseDispatch`: about to be sent, from here on it may have happened. */
  | { readonly type: "dispatch"; readonly before?: string | null }
  /** The effect was observed by the owner of the current claim; `before` and `after`: the record around it, as JSON. */
  | {
      readonly type: "success";
      readonly result: StoredResult | null;
      readonly before?: string | null;
      readonly after?: string | null;
    }
  /**
   * It certainly did not happen. `retryInMs` is the backoff while attempts and time are left, null past them; `route` is
   * the person to hand it to, null when the answer is simply no.
   */
  | {
      readonly type: "definite_failure";
      readonly failure: Failure;
      readonly retryInMs: number | null;
      readonly route: Route | null;
      readonly reason: string | null;
    }
  /** It may have happened. `nextInMs`: when to reconcile. */
  | { readonly type: "indefinite"; readonly failure: Failure; readonly nextInMs: number }
  | { readonly type: "shutdown"; readonly nextInMs: number }
  | { readonly type: "lapse" }
  /** The next attempt of a request that waits for one; where somebody has consented to it, until that consent runs out. */
  | { readonly type: "retry"; readonly leaseMs: number; readonly notAfter?: number | null }
  /** The same attempt again, under a downstream key that is still valid, until `notAfter` by the store's clock. */
  | { readonly type: "resend"; readonly leaseMs: number; readonly notAfter: number | null }
  | { readonly type: "probe_happened"; readonly result: StoredResult | null }
  | { readonly type: "probe_did_not_happen"; readonly retryInMs: number | null; readonly source?: string }
  | { readonly type: "probe_cannot_tell"; readonly nextInMs: number; readonly source?: string }
  /** Nothing automatic is left: no capability, a key past its lifetime, attempts or time used up. */
  | { readonly type: "give_up"; readonly reason: string; readonly route: Route; readonly tampered?: boolean }
  | {
      readonly type: "resolve";
      readonly decision: "happened" | "did_not_happen" | "retry";
      readonly result: StoredResult | null;
      readonly actor: string;
      readonly reason: string;
    }
  | { readonly type: "reopen"; readonly actor: string; readonly reason: string }
  /** A success that arrives after its claim was taken away, or from the provider (then there is no token). */
  | {
      readonly type: "late_success";
      readonly fencingToken: number | null;
      readonly result: StoredResult | null;
      /** The current attempt uses the same downstream key, so both are one effect. */
      readonly sameKey: boolean;
      /** Who says so, where it is not the owner of the claim. */
      readonly source?: string;
    }
  /** The provider says that it did not happen, after all. */
  | { readonly type: "late_denial"; readonly source: string; readonly sameKey: boolean }
  /** The store was put back to an older state: what was in flight may have gone on since. */
  | { readonly type: "restored" }
  /** Its effect is about to be undone, by a request of its own. */
  | { readonly type: "compensate"; readonly actor: string | null; readonly reason?: string }
  | { readonly type: "compensated" }
  | { readonly type: "compensation_failed"; readonly reason: string }
  | { readonly type: "expire" };

export type EventType = LifecycleEvent["type"];

/** One row of the transition table. The first row that fits applies. */
export interface TransitionRow {
  /** Its number in docs/concepts-states.md. */
  readonly row: number;
  readonly from: readonly (State | "absent")[];
  readonly on: EventType;
  readonly to: State | "same";
  /** A further condition on the record and the event. */
  readonly when?: (receipt: Receipt, event: LifecycleEvent) => boolean;
}

/** Compares the event's type first, so that `when` sees the event it was written for. */
function of<T extends EventType>(
  type: T,
  test: (receipt: Receipt, event: Extract<LifecycleEvent, { type: T }>) => boolean,
) {
  return (receipt: Receipt, event: LifecycleEvent): boolean =>
    event.type === type && test(receipt, event as Extract<LifecycleEvent, { type: T }>);
}

/**
 * The effect itself has been observed, whatever else is open (a compensation that failed, an attempt whose success was
 * heard of before it answered): it can neither be run again nor be said not to have happened.
 */
function isKnownToHaveHappened(receipt: Receipt): boolean {
  return receipt.evidence !== null;
}

const isConfirmed = of("resolve", (receipt, event) => receipt.conflict && event.decision === "happened");
const isDisproved = of("resolve", (receipt, event) => receipt.conflict && event.decision === "did_not_happen");

function hasNoConflict(receipt: Receipt): boolean {
  return !receipt.conflict;
}

/**
 * Not even an earlier attempt: its doubt outlives the proof about this one. An effect inside the store's own transaction
 * has not happened as long as the record does not say so; both are one commit. But for the mark: then it was made in
 * another way, or somebody has committed it half done.
 */
function isProvablyUnsent({ capability, dispatched, mayHaveApplied }: Receipt): boolean {
  return !mayHaveApplied && (capability === "transaction" ? dispatched !== true : dispatched === false);
}

/**
 * No attempt was dispatched after the one whose success arrives now; in doubt, that may be the success that was heard of
 * before the attempt answered.
 */
const noNewerAttempt = of(
  "late_success",
  (receipt, event) =>
    event.fencingToken === receipt.fencingToken && (receipt.state === "in_doubt" || !isKnownToHaveHappened(receipt)),
);
/**
 * The newer attempt went out under the same downstream key: the other side has made one effect of both. Or the provider
 * names the current key: then it speaks of the current attempts.
 */
const oneEffectByKey = of("late_success", (receipt, event) => event.sameKey && !isKnownToHaveHappened(receipt));

/** The whole lifecycle. Code, stores and documentation have no other source for it. */
export const TRANSITIONS: readonly TransitionRow[] = [
  { row: 1, from: ["absent"], on: "claim", to: "running" },
  { row: 2, from: ["absent"], on: "hold", to: "held" },
  // The outbox: as a retry that is due, of an attempt that was never made.
  { row: 1, from: ["absent"], on: "enqueue", to: "retry_wait" },
  { row: 9, from: ["absent"], on: "doubt", to: "in_doubt" },
  { row: 2, from: ["held"], on: "keep_held", to: "held" },
  { row: 3, from: ["held"], on: "approve", to: "held" },
  { row: 3, from: ["held"], on: "release", to: "running", when: hasNoConflict },
  { row: 4, from: ["held"], on: "deny", to: "denied" },
  { row: 5, from: ["running"], on: "success", to: "succeeded" },
  { row: 8, from: ["running"], on: "definite_failure", to: "in_doubt", when: (receipt) => receipt.mayHaveApplied },
  {
    row: 6,
    from: ["running"],
    on: "definite_failure",
    to: "retry_wait",
    when: of("definite_failure", (_receipt, event) => event.retryInMs !== null),
  },
  {
    row: 7,
    from: ["running"],
    on: "definite_failure",
    to: "review",
    when: of("definite_failure", (_receipt, event) => event.route !== null),
  },
  { row: 7, from: ["running"], on: "definite_failure", to: "failed" },
  { row: 9, from: ["running"], on: "indefinite", to: "in_doubt" },
  // The mark is written before the dispatch, under the fence: without it nothing was sent, and nothing will be.
  { row: 9, from: ["running"], on: "lapse", to: "retry_wait", when: isProvablyUnsent },
  { row: 9, from: ["running"], on: "lapse", to: "in_doubt" },
  { row: 9, from: ["running"], on: "shutdown", to: "in_doubt" },
  { row: 9, from: ["running"], on: "dispatch", to: "running" },
  { row: 9, from: ["held", "running", "retry_wait", "in_doubt"], on: "restored", to: "in_doubt" },
  // Nothing more is sent while evidence contradicts the record: a person has to look first.
  { row: 10, from: ["retry_wait"], on: "retry", to: "running", when: hasNoConflict },
  { row: 11, from: ["in_doubt"], on: "resend", to: "running", when: hasNoConflict },
  { row: 12, from: ["in_doubt"], on: "probe_happened", to: "succeeded" },
  // Somebody else has said that it did: two answers, and a person has to look.
  { row: 18, from: ["in_doubt"], on: "probe_did_not_happen", to: "same", when: isKnownToHaveHappened },
  {
    row: 13,
    from: ["in_doubt"],
    on: "probe_did_not_happen",
    to: "retry_wait",
    when: of("probe_did_not_happen", (_receipt, event) => event.retryInMs !== null),
  },
  { row: 13, from: ["in_doubt"], on: "probe_did_not_happen", to: "failed" },
  { row: 14, from: ["in_doubt"], on: "probe_cannot_tell", to: "in_doubt" },
  { row: 15, from: ["in_doubt", "retry_wait"], on: "give_up", to: "review" },
  {
    row: 16,
    from: ["review"],
    on: "resolve",
    to: "succeeded",
    when: of("resolve", (_receipt, event) => event.decision === "happened"),
  },
  {
    row: 16,
    from: ["review"],
    on: "resolve",
    to: "retry_wait",
    when: of("resolve", (receipt, event) => event.decision === "retry" && !isKnownToHaveHappened(receipt)),
  },
  {
    row: 16,
    from: ["review"],
    on: "resolve",
    to: "failed",
    when: of("resolve", (receipt, event) => event.decision === "did_not_happen" && !isKnownToHaveHappened(receipt)),
  },
  // A settled record that evidence contradicts: a person stands by it, or knows that it has happened after all. That it
  // has not, against a success, is no decision: replays have told it, and what is to be done is a request of its own.
  { row: 16, from: ["succeeded"], on: "resolve", to: "same", when: isConfirmed },
  { row: 16, from: ["failed", "denied"], on: "resolve", to: "succeeded", when: isConfirmed },
  { row: 16, from: ["failed", "denied"], on: "resolve", to: "same", when: isDisproved },
  // From retry_wait too: the probe was wrong, and to keep waiting would send the effect a second time.
  { row: 17, from: ["in_doubt", "review", "retry_wait"], on: "late_success", to: "succeeded", when: noNewerAttempt },
  { row: 17, from: ["in_doubt", "review", "retry_wait"], on: "late_success", to: "succeeded", when: oneEffectByKey },
  { row: 18, from: STATES, on: "late_success", to: "same" },
  { row: 18, from: STATES, on: "late_denial", to: "same" },
  { row: 19, from: ["failed"], on: "reopen", to: "retry_wait" },
  { row: 20, from: ["succeeded"], on: "compensate", to: "compensating" },
  { row: 20, from: ["compensating"], on: "compensated", to: "compensated" },
  { row: 20, from: ["compensating"], on: "compensation_failed", to: "review" },
  { row: 21, from: ["succeeded", "failed", "denied", "compensated"], on: "expire", to: "expired" },
];

/** Every field that a transition writes, complete: a store sets all of them and decides nothing. */
export interface Next {
  readonly state: State;
  readonly conflict: boolean;
  readonly mayHaveApplied: boolean;
  readonly fencingToken: number;
  readonly generation: number;
  readonly attemptNumber: number;
  readonly result: StoredResult | null;
  readonly failure: Failure | null;
  readonly evidence: Evidence | null;
  readonly reason: string | null;
  readonly route: Route | null;
  readonly hold: Hold | null;
  readonly dispatched: boolean | null;
  /** Null once retention has passed. */
  readonly payload: string | null;
  /** `dueAt` becomes the store's now plus this; null clears it, `KEEP_DUE` leaves it as it is. */
  readonly dueInMs: number | typeof KEEP_DUE | null;
  /** `generationAt` becomes the store's now. */
  readonly startsGeneration: boolean;
  /** `attemptEndedAt` becomes the store's now. */
  readonly endsAttempt: boolean;
}

declare const planned: unique symbol;

/** A change that the lifecycle allows, bound to the record it was decided on. Only `transition` makes one. */
export interface Transition {
  readonly [planned]: true;
  readonly row: number;
  readonly event: EventType;
  /** The record as it must still be: same state, version and fencing token. */
  readonly from: Receipt;
  /** The store must also see that the lease has passed, by its own clock. */
  readonly requiresLapse: boolean;
  /** By the store's clock: later than this it does not apply any more. Null: whenever. */
  readonly notAfter: number | null;
  /** It leads to a dispatch: the store refuses it under a halt, and when the record is another request's turn. */
  readonly sends: boolean;
  /** Recorded in the same commit: a halt, and what has to be told to a person. */
  readonly halts: HaltOrder | null;
  readonly tells: Pick<Notification, "kind" | "route" | "reason"> | null;
  readonly next: Next;
  /** Who writes this; lets a write whose acknowledgement was lost be asked again. */
  readonly ownerToken: string;
  /** For the log: who does it and why, and the business record around it. */
  readonly by: Attribution;
  readonly before: string | null;
  readonly after: string | null;
  readonly detail: string | null;
}

/** The lifecycle does not allow the event in this state. */
export interface Refusal {
  readonly refused: true;
  readonly state: State | "absent";
  readonly event: EventType;
}

/** The row of the table that applies, if any. */
export function rowFor(receipt: Receipt | null, event: LifecycleEvent): TransitionRow | undefined {
  const state = receipt?.state ?? "absent";
  return TRANSITIONS.find(
    (row) =>
      row.on === event.type &&
      row.from.includes(state) &&
      (row.when === undefined || (receipt !== null && row.when(receipt, event))),
  );
}

/**
 * The one pure function over the table: the record and what happened, to what the store should write.
 *
 * @param by who does it, where it is not on behalf of the first caller.
 */
export function transition(
  receipt: Receipt,
  event: LifecycleEvent,
  ownerToken: string,
  by: Attribution = attributionOf(receipt, null),
): Transition | Refusal {
  const row = rowFor(receipt, event);
  if (row === undefined) return { refused: true, state: receipt.state, event: event.type };
  const to = row.to === "same" ? receipt.state : row.to;
  const next = nextOf(receipt, event, to);
  return {
    row: row.row,
    event: event.type,
    from: receipt,
    requiresLapse: event.type === "lapse",
    notAfter: ("notAfter" in event ? event.notAfter : null) ?? null,
    sends: to === "running" && event.type !== "late_success" && event.type !== "late_denial",
    halts: haltOf(receipt, event),
    tells: tellsOf(receipt, next),
    next,
    ownerToken,
    by: { ...by, actor: actorOf(by, event) },
    before: ("before" in event ? event.before : null) ?? null,
    after: ("after" in event ? event.after : null) ?? null,
    detail: detailOf(event),
  } as Transition;
}

/** A security failure, or an approval that was tampered with, stops everything else of its run at once. */
function haltOf(receipt: Receipt, event: LifecycleEvent): HaltOrder | null {
  // Also where an earlier request of the same attempt may have been carried out: who was refused goes no further.
  const isFailure = "failure" in event && event.failure.tier === "security";
  const isTampering = "tampered" in event && event.tampered === true;
  if ((!isFailure && !isTampering) || receipt.runId === null) return null;
  return { tenant: receipt.tenant, scope: "run", id: receipt.runId, reason: "security", actor: null };
}

/** A person has to hear of a new review, of a new conflict, and of what was tampered with. */
function tellsOf(receipt: Receipt, next: Next): Transition["tells"] {
  const isAsked = next.hold?.waitsFor === "approval" && next.hold.approval === null;
  const wasAsked = receipt.hold?.waitsFor === "approval" && receipt.hold.approval === null;
  if (next.state === "held" && isAsked && !wasAsked)
    return { kind: "held", route: "operator", reason: next.hold?.reasons.at(-1) ?? null };
  if (next.conflict && !receipt.conflict) return { kind: "conflict", route: "operator", reason: next.reason };
  const isForSecurity = next.state === "denied" && receipt.state !== "denied" && next.route === "security";
  if (!isForSecurity && (next.state !== "review" || receipt.state === "review")) return null;
  return { kind: "review", route: next.route ?? "operator", reason: next.reason };
}

function actorOf(by: Attribution, event: LifecycleEvent): string | null {
  if (event.type === "approve") return event.approval.actor;
  if ("source" in event) return event.source ?? by.actor;
  return "actor" in event ? event.actor : by.actor;
}

export function isRefusal(value: Transition | Refusal): value is Refusal {
  return "refused" in value;
}

function nextOf(receipt: Receipt, event: LifecycleEvent, to: State): Next {
  const kept: Next = {
    state: to,
    conflict: receipt.conflict,
    mayHaveApplied: receipt.mayHaveApplied,
    fencingToken: receipt.fencingToken,
    generation: receipt.generation,
    attemptNumber: receipt.attemptNumber,
    result: receipt.result,
    failure: receipt.failure,
    evidence: receipt.evidence,
    reason: null,
    route: null,
    // Kept after the release: what was consented to, and until when, is asked again before every retry.
    hold: receipt.hold,
    dispatched: receipt.dispatched,
    payload: receipt.payload,
    dueInMs: null,
    startsGeneration: false,
    endsAttempt: false,
  };
  switch (event.type) {
    case "claim":
    case "hold":
    case "enqueue":
    case "doubt":
      throw new Error(`"${event.type}" creates a record; see firstReceipt`);
    case "keep_held":
      return { ...kept, hold: event.hold, reason: reasonOf(event.hold), dueInMs: event.nextInMs };
    case "approve":
      return {
        ...kept,
        conflict: false, // a person has looked
        hold: receipt.hold && { ...receipt.hold, approval: event.approval },
        reason: receipt.reason,
        dueInMs: 0,
      };
    case "release":
    case "retry":
    case "resend":
      return {
        ...kept,
        fencingToken: receipt.fencingToken + 1,
        attemptNumber: receipt.attemptNumber + 1,
        dueInMs: event.leaseMs,
        dispatched: receipt.dispatched === null ? null : false,
        // Whatever it waited for before it was first sent does not count against its budget or its key's lifetime.
        startsGeneration: receipt.attemptNumber === 0 && !receipt.mayHaveApplied,
      };
    case "dispatch":
      return { ...kept, dispatched: true, dueInMs: KEEP_DUE };
    case "deny":
      return { ...kept, reason: event.reason, route: event.tampered ? "security" : null };
    case "success":
      return { ...succeeded(kept, event.result, "effect"), endsAttempt: true };
    case "definite_failure":
      return {
        ...kept,
        failure: event.failure,
        endsAttempt: true,
        reason: to === "review" ? event.reason : null,
        route: to === "review" ? event.route : null,
        // Rows 6 and 8 wait as long as they were told to; in row 7 a review's age counts from now.
        dueInMs: to === "failed" ? null : (event.retryInMs ?? 0),
      };
    case "indefinite":
      return { ...kept, failure: event.failure, mayHaveApplied: true, dueInMs: event.nextInMs, endsAttempt: true };
    case "shutdown":
      return { ...kept, failure: SHUTDOWN, mayHaveApplied: true, dueInMs: event.nextInMs, endsAttempt: true };
    case "lapse":
      return {
        ...kept,
        failure: to === "retry_wait" ? NEVER_SENT : LEASE_EXPIRED,
        mayHaveApplied: to !== "retry_wait",
        dueInMs: 0,
        endsAttempt: true,
      };
    case "restored":
      // In doubt already, it keeps why; what settles counts anew, from now.
      return {
        ...kept,
        failure: receipt.state === "in_doubt" ? receipt.failure : RESTORED,
        mayHaveApplied: true,
        dueInMs: 0,
        endsAttempt: true,
      };
    case "probe_happened":
      return succeeded(kept, event.result, "probe");
    case "probe_did_not_happen":
      if (to === "in_doubt") return { ...kept, conflict: true, dueInMs: 0 };
      return {
        ...kept,
        mayHaveApplied: false,
        dueInMs: event.retryInMs,
        failure: to === "failed" ? didNotHappen("The probe says so, and no attempt or time is left.") : kept.failure,
      };
    case "probe_cannot_tell":
      return { ...kept, dueInMs: event.nextInMs };
    case "give_up":
      return { ...kept, reason: event.reason, route: event.route, dueInMs: 0 };
    case "resolve":
      // A person stands by what is settled.
      if (to === receipt.state) return { ...kept, conflict: false, reason: receipt.reason };
      return resolved(kept, event);
    case "reopen":
      return {
        ...kept,
        generation: kept.generation + 1,
        startsGeneration: true,
        conflict: false, // a person has looked
        failure: null,
        reason: event.reason,
        dueInMs: 0,
      };
    case "late_success":
      // Before its own attempt has answered: kept, and used as soon as that attempt leaves a doubt.
      if (to === "running" && speaksOfThis(receipt, event)) {
        return { ...kept, result: event.result, evidence: "late", mayHaveApplied: true, dueInMs: KEEP_DUE };
      }
      return to === receipt.state
        ? {
            ...kept,
            conflict: contradicts(receipt, event),
            reason: receipt.reason,
            route: receipt.route,
            dueInMs: KEEP_DUE,
          }
        : succeeded(kept, event.result, "late");
    case "late_denial":
      return {
        ...kept,
        conflict: receipt.conflict || (event.sameKey && (saysHappened(receipt) || isKnownToHaveHappened(receipt))),
        reason: receipt.reason,
        route: receipt.route,
        dueInMs: KEEP_DUE,
      };
    case "compensate":
    case "compensated":
      return kept;
    case "compensation_failed":
      return { ...kept, reason: event.reason, route: "operator", dueInMs: 0 };
    case "expire":
      return {
        ...kept,
        hold: null,
        payload: null,
        result: kept.result && { omitted: "retention" },
        // What an error said may quote what is being forgotten; its code does not.
        failure: kept.failure && { ...kept.failure, message: "" },
        // The final state, which is all that a replay still tells.
        reason: receipt.state,
      };
  }
}

function speaksOfThis(receipt: Receipt, event: Extract<LifecycleEvent, { type: "late_success" }>): boolean {
  return event.sameKey || event.fencingToken === receipt.fencingToken;
}

/** In `dueInMs`: the record's `dueAt` stays as it is. */
export const KEEP_DUE = "keep";

function succeeded(kept: Next, result: StoredResult | null, evidence: Evidence): Next {
  return { ...kept, result, evidence, mayHaveApplied: false, failure: null };
}

function resolved(before: Next, event: Extract<LifecycleEvent, { type: "resolve" }>): Next {
  const reason = event.reason;
  const kept = { ...before, conflict: false }; // a person has looked
  switch (event.decision) {
    case "happened":
      return { ...succeeded(kept, event.result, "person"), reason };
    case "did_not_happen":
      return { ...kept, mayHaveApplied: false, failure: didNotHappen(`${event.actor}: ${reason}`), reason };
    case "retry":
      return {
        ...kept,
        mayHaveApplied: false,
        generation: kept.generation + 1,
        startsGeneration: true,
        reason,
        dueInMs: 0,
      };
  }
}

/** A late success agrees with a record that says it succeeded by that very attempt, or under the same key. */
function contradicts(receipt: Receipt, event: Extract<LifecycleEvent, { type: "late_success" }>): boolean {
  const isKnown = saysHappened(receipt) || isKnownToHaveHappened(receipt);
  return receipt.conflict || !(isKnown && speaksOfThis(receipt, event));
}

function saysHappened({ state, reason }: Receipt): boolean {
  const settled = state === "expired" ? reason : state;
  return settled === "succeeded" || settled === "compensating" || settled === "compensated";
}

const LEASE_EXPIRED: Failure = {
  certainty: "indefinite",
  tier: "transient",
  code: "lease_expired",
  message:
    "The lease ran out before an outcome was recorded: the process that held it died, was paused, or lost the store.",
};

const NEVER_SENT: Failure = {
  certainty: "definite",
  tier: "transient",
  code: "never_sent",
  message: "The process ended before it had marked the dispatch, so nothing was sent.",
};

/** What is known of a request whose record may be older than the truth. */
export const RESTORED: Failure = {
  certainty: "indefinite",
  tier: "transient",
  code: "restored",
  message: "The store was restored from a backup: what was sent after the backup was made is not recorded.",
};

const SHUTDOWN: Failure = {
  certainty: "indefinite",
  tier: "transient",
  code: "shutdown",
  message: "The process shut down before the effect had answered.",
};

function detailOf(event: LifecycleEvent): string | null {
  switch (event.type) {
    case "definite_failure":
    case "indefinite":
      return JSON.stringify({ failure: event.failure });
    case "resolve":
      return JSON.stringify({ decision: event.decision, reason: event.reason });
    case "deny":
    case "give_up":
    case "reopen":
    case "compensation_failed":
      return JSON.stringify({ reason: event.reason });
    case "compensate":
      return event.reason === undefined ? null : JSON.stringify({ reason: event.reason });
    case "late_success":
      return JSON.stringify({ fencingToken: event.fencingToken, sameKey: event.sameKey, source: event.source });
    case "late_denial":
      return JSON.stringify({ source: event.source, sameKey: event.sameKey });
    case "approve":
      return JSON.stringify({ reason: event.approval.reason, expiresAt: event.approval.expiresAt });
    default:
      return null;
  }
}

/** Rows 1 and 2: the record that a first claim creates, at the store's `now`. */
export function firstReceipt(request: ClaimRequest, now: number): Receipt {
  const { ownerToken: _ownerToken, start, gate: _gate, tracked, marked, ...identity } = request;
  const first: Receipt = {
    ...identity,
    state: start.state,
    conflict: false,
    mayHaveApplied: false,
    fencingToken: 0,
    generation: 1,
    attemptNumber: 0,
    version: 1,
    result: null,
    failure: null,
    evidence: null,
    reason: null,
    route: null,
    hold: null,
    dispatched: tracked ? false : null,
    createdAt: now,
    updatedAt: now,
    generationAt: now,
    attemptEndedAt: null,
    dueAt: now,
    readAt: now,
  };
  switch (start.state) {
    case "running":
      return {
        ...first,
        fencingToken: 1,
        attemptNumber: 1,
        dueAt: now + start.leaseMs,
        dispatched: marked ? true : first.dispatched,
      };
    case "held":
      return { ...first, hold: start.hold, reason: reasonOf(start.hold), dueAt: now + start.dueInMs };
    case "retry_wait":
      return first;
    case "in_doubt":
      return {
        ...first,
        mayHaveApplied: true,
        failure: RESTORED,
        generationAt: start.sentFrom,
        attemptEndedAt: start.sentUntil,
      };
  }
}

/** How the log calls the making of such a record. */
export function firstEvent(start: Start): EventType {
  return FIRST_EVENTS[start.state];
}

const FIRST_EVENTS: Readonly<Record<Start["state"], EventType>> = {
  running: "claim",
  held: "hold",
  retry_wait: "enqueue",
  in_doubt: "doubt",
};

/** The record after an applied transition, at the store's `now`. */
export function advance(transition: Transition, now: number): Receipt {
  const { from, next } = transition;
  const { dueInMs, startsGeneration, endsAttempt, ...written } = next;
  return {
    ...from,
    ...written,
    version: from.version + 1,
    updatedAt: now,
    generationAt: startsGeneration ? now : from.generationAt,
    attemptEndedAt: endsAttempt ? now : from.attemptEndedAt,
    dueAt: dueInMs === null ? null : dueInMs === KEEP_DUE ? from.dueAt : now + dueInMs,
    readAt: now,
  };
}
