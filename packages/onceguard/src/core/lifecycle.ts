import type { ClaimRequest } from "./claim.ts";
import { didNotHappen, type Failure, type Route } from "./failure.ts";
import { type Evidence, type Receipt, STATES, type State, type StoredResult } from "./receipt.ts";

/** What can happen to a request, with what is known at that moment. */
export type LifecycleEvent =
  /** A first claim where policy allows it (row 1), or where a person or a finality case has to agree first (row 2). */
  | { readonly type: "claim" }
  | { readonly type: "hold" }
  | { readonly type: "approve"; readonly leaseMs: number; readonly actor: string }
  | { readonly type: "deny"; readonly actor: string | null; readonly reason: string }
  /** The effect was observed by the owner of the current claim. */
  | { readonly type: "success"; readonly result: StoredResult | null }
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
  /** The next attempt of a request that waits for one. */
  | { readonly type: "retry"; readonly leaseMs: number }
  /** The same attempt again, under a downstream key that is still valid. */
  | { readonly type: "resend"; readonly leaseMs: number }
  | { readonly type: "probe_happened"; readonly result: StoredResult | null }
  | { readonly type: "probe_did_not_happen"; readonly retryInMs: number | null }
  | { readonly type: "probe_cannot_tell"; readonly nextInMs: number }
  /** Nothing automatic is left: no capability, a key past its lifetime, attempts or time used up. */
  | { readonly type: "give_up"; readonly reason: string; readonly route: Route }
  | {
      readonly type: "resolve";
      readonly decision: "happened" | "did_not_happen" | "retry";
      readonly result: StoredResult | null;
      readonly actor: string;
      readonly reason: string;
    }
  | { readonly type: "reopen"; readonly actor: string; readonly reason: string }
  /** A success that arrives after its claim was taken away, or from the provider. */
  | {
      readonly type: "late_success";
      readonly fencingToken: number;
      readonly result: StoredResult | null;
      /** The current attempt uses the same downstream key, so both are one effect. */
      readonly sameKey: boolean;
    }
  | { readonly type: "compensate"; readonly actor: string | null }
  | { readonly type: "compensated" }
  | { readonly type: "compensation_failed"; readonly reason: string }
  | { readonly type: "expire" };

export type EventType = LifecycleEvent["type"];

/** One row of the transition table. The first row that fits applies. */
export interface TransitionRow {
  /** Its number in semantics.md section 4. */
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
 * A review about a compensation that failed: the effect itself has been observed, so it can neither be run again nor be
 * said not to have happened.
 */
function isKnownToHaveHappened(receipt: Receipt): boolean {
  return receipt.evidence !== null;
}

/** No attempt was dispatched after the one whose success arrives now. */
const noNewerAttempt = of("late_success", (receipt, event) => event.fencingToken === receipt.fencingToken);
/** The newer attempt went out under the same downstream key: the other side has made one effect of both. */
const oneEffectByKey = of("late_success", (_receipt, event) => event.sameKey);

/** The whole lifecycle. Code, stores and documentation have no other source for it. */
export const TRANSITIONS: readonly TransitionRow[] = [
  { row: 1, from: ["absent"], on: "claim", to: "running" },
  { row: 2, from: ["absent"], on: "hold", to: "held" },
  { row: 3, from: ["held"], on: "approve", to: "running" },
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
  { row: 9, from: ["running"], on: "lapse", to: "in_doubt" },
  { row: 9, from: ["running"], on: "shutdown", to: "in_doubt" },
  { row: 10, from: ["retry_wait"], on: "retry", to: "running" },
  { row: 11, from: ["in_doubt"], on: "resend", to: "running" },
  { row: 12, from: ["in_doubt"], on: "probe_happened", to: "succeeded" },
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
  // From retry_wait too: the probe was wrong, and to keep waiting would send the effect a second time.
  { row: 17, from: ["in_doubt", "review", "retry_wait"], on: "late_success", to: "succeeded", when: noNewerAttempt },
  { row: 17, from: ["in_doubt", "review", "retry_wait"], on: "late_success", to: "succeeded", when: oneEffectByKey },
  { row: 18, from: STATES, on: "late_success", to: "same" },
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
  readonly next: Next;
  /** Who writes this; lets a write whose acknowledgement was lost be asked again. */
  readonly ownerToken: string;
  readonly actor: string | null;
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

/** The one pure function over the table: the record and what happened, to what the store should write. */
export function transition(receipt: Receipt, event: LifecycleEvent, ownerToken: string): Transition | Refusal {
  const row = rowFor(receipt, event);
  if (row === undefined) return { refused: true, state: receipt.state, event: event.type };
  const to = row.to === "same" ? receipt.state : row.to;
  return {
    row: row.row,
    event: event.type,
    from: receipt,
    requiresLapse: event.type === "lapse",
    next: nextOf(receipt, event, to),
    ownerToken,
    actor: "actor" in event ? event.actor : receipt.actor,
    detail: detailOf(event),
  } as Transition;
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
    payload: receipt.payload,
    dueInMs: null,
    startsGeneration: false,
    endsAttempt: false,
  };
  switch (event.type) {
    case "claim":
    case "hold":
      throw new Error(`"${event.type}" creates a record; see firstReceipt`);
    case "approve":
    case "retry":
    case "resend":
      return {
        ...kept,
        fencingToken: receipt.fencingToken + 1,
        attemptNumber: receipt.attemptNumber + 1,
        dueInMs: event.leaseMs,
      };
    case "deny":
      return { ...kept, reason: event.reason };
    case "success":
      return { ...succeeded(kept, event.result, "effect"), endsAttempt: true };
    case "definite_failure":
      return {
        ...kept,
        failure: event.failure,
        endsAttempt: true,
        reason: to === "review" ? event.reason : null,
        route: to === "review" ? event.route : null,
        // Row 8 reconciles at once; row 6 waits its backoff; row 7 counts the review's age.
        dueInMs: to === "failed" ? null : to === "retry_wait" ? event.retryInMs : 0,
      };
    case "indefinite":
      return { ...kept, failure: event.failure, mayHaveApplied: true, dueInMs: event.nextInMs, endsAttempt: true };
    case "shutdown":
      return { ...kept, failure: SHUTDOWN, mayHaveApplied: true, dueInMs: event.nextInMs, endsAttempt: true };
    case "lapse":
      return { ...kept, failure: LEASE_EXPIRED, mayHaveApplied: true, dueInMs: 0, endsAttempt: true };
    case "probe_happened":
      return succeeded(kept, event.result, "probe");
    case "probe_did_not_happen":
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
      return resolved(kept, event);
    case "reopen":
      return {
        ...kept,
        generation: kept.generation + 1,
        startsGeneration: true,
        failure: null,
        reason: event.reason,
        dueInMs: 0,
      };
    case "late_success":
      return to === receipt.state
        ? {
            ...kept,
            conflict: contradicts(receipt, event),
            reason: receipt.reason,
            route: receipt.route,
            dueInMs: KEEP_DUE,
          }
        : succeeded(kept, event.result, "late");
    case "compensate":
    case "compensated":
      return kept;
    case "compensation_failed":
      return { ...kept, reason: event.reason, route: "operator", dueInMs: 0 };
    case "expire":
      return { ...kept, payload: null, result: kept.result && { omitted: "retention" } };
  }
}

/** In `dueInMs`: the record's `dueAt` stays as it is. */
export const KEEP_DUE = "keep";

function succeeded(kept: Next, result: StoredResult | null, evidence: Evidence): Next {
  return { ...kept, result, evidence, mayHaveApplied: false, failure: null };
}

function resolved(kept: Next, event: Extract<LifecycleEvent, { type: "resolve" }>): Next {
  const reason = event.reason;
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
  if (receipt.conflict) return true;
  if (event.sameKey) return false;
  const sameAttempt = event.fencingToken === receipt.fencingToken;
  const saysHappened =
    receipt.state === "succeeded" || receipt.state === "compensating" || receipt.state === "compensated";
  return !(saysHappened && sameAttempt);
}

const LEASE_EXPIRED: Failure = {
  certainty: "indefinite",
  tier: "transient",
  code: "lease_expired",
  message:
    "The lease ran out before an outcome was recorded: the process that held it died, was paused, or lost the store.",
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
    case "late_success":
      return JSON.stringify({ fencingToken: event.fencingToken, sameKey: event.sameKey });
    default:
      return null;
  }
}

/** Row 1: the record that a first claim creates, at the store's `now`. */
export function firstReceipt(request: ClaimRequest, now: number): Receipt {
  const { ownerToken: _ownerToken, leaseMs, ...identity } = request;
  return {
    ...identity,
    state: "running",
    conflict: false,
    mayHaveApplied: false,
    fencingToken: 1,
    generation: 1,
    attemptNumber: 1,
    version: 1,
    result: null,
    failure: null,
    evidence: null,
    reason: null,
    route: null,
    createdAt: now,
    updatedAt: now,
    generationAt: now,
    attemptEndedAt: null,
    dueAt: now + leaseMs,
    readAt: now,
  };
}

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
