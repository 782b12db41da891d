import { didNotHappen, type Failure, type Route } from "./failure.ts";
import type { Halt } from "./halt.ts";
import { isLapsed, type Receipt, resultOf } from "./receipt.ts";

/**
 * What a caller sees (docs/outcomes.md): one value, a union on `status`. Uncertain outcomes are values like all
 * others; `execute` throws only for misuse.
 */
export type Outcome<Result = unknown> =
  | Success<Result>
  | InDoubt<Result>
  | Failed
  | InReview
  | Waiting
  | Held
  | Refused
  | Skipped
  | Halted
  | Unavailable;

interface Identified {
  readonly requestId: string;
  /** What the store knows. Null where nothing was stored: a `safe` action, a refusal, an unreachable store. */
  readonly receipt: Receipt | null;
}

/** It happened: by this call, or by an earlier one whose receipt answers. */
export interface Success<Result> extends Identified {
  /** `executed` by this call, or `replayed` from the receipt of an earlier one. */
  readonly status: "executed" | "replayed";
  /** The effect's result, as JSON carries it. Undefined when `omitted` says why it was not kept. */
  readonly result: Result;
  /** `too_large`, `not_json`, or `retention`: it happened, and its result is not stored. */
  readonly omitted?: string;
}

/** It may have happened. Do not do it again: ask `receipt(requestId)` later, or have it reconciled. */
export interface InDoubt<Result> extends Identified {
  readonly status: "in_doubt";
  /** Since when, in ms since the epoch by the store's clock; null when the store could not be asked. */
  readonly since: number | null;
  readonly failure: Failure | null;
  readonly next: string;
  readonly retryAfterMs: number;
  /** The effect answered, and only its recording is open (the store went away in between). */
  readonly result?: Result;
}

/** It certainly did not happen. The same answer on every replay; `reopen` is explicit. */
export interface Failed extends Identified {
  readonly status: "failed";
  readonly failure: Failure;
}

/** A person decides. */
export interface InReview extends Identified {
  readonly status: "review";
  readonly reason: string;
  readonly route: Route | null;
  readonly failure: Failure | null;
  readonly next: string;
}

/** Ask again later with the same request id: another caller runs it, a retry is due later, or it is not its turn. */
export interface Waiting extends Identified {
  readonly status: "in_progress" | "retry_later";
  readonly retryAfterMs: number;
  readonly next: string;
}

/** Nothing was sent: a person has to approve, or a finality case to become final. It is then executed by itself. */
export interface Held extends Identified {
  readonly status: "held";
  readonly waitsFor: "approval" | "case";
  readonly caseId: string | null;
  readonly reasons: readonly string[];
  readonly retryAfterMs: number;
  readonly next: string;
}

/** Nothing was sent by this call. Asking again gives the same answer, unless the caller had cancelled or policy changes. */
export interface Refused extends Identified {
  /** `mismatch`: this id stands for another payload or action. `expired`: retention has passed, it never runs again. */
  readonly status: "mismatch" | "denied" | "expired";
  readonly reason: string;
}

/** The loop filter: this action was done on this record a short while ago, under the request id of `receipt`. */
export interface Skipped extends Identified {
  readonly status: "skipped";
  readonly receipt: Receipt;
  readonly reason: string;
}

/** The run, the action or the tenant is stopped until a person resumes it. This call has had no effect. */
export interface Halted extends Identified {
  readonly status: "halted";
  readonly halt: Halt;
  readonly reason: string;
  readonly next: string;
}

/**
 * The store could not be reached: nothing was sent by this call. Ask again with the same request, since the claim may have
 * been recorded without an answer, and a recorded request may be carried on by a sweeper.
 */
export interface Unavailable extends Identified {
  readonly status: "unavailable";
  readonly dispatched: false;
  readonly reason: string;
  readonly retryAfterMs: number;
}

/** The `status` of an outcome. docs/outcomes.md says what to do with each. */
export type Status = Outcome["status"];

/** HTTP status codes of the outcomes, for every surface that speaks HTTP. */
export const HTTP_STATUS: Readonly<Record<Status, number>> = {
  executed: 200,
  replayed: 200,
  skipped: 200,
  in_doubt: 202,
  review: 202,
  held: 202,
  denied: 403,
  in_progress: 409,
  expired: 410,
  mismatch: 422,
  failed: 422,
  halted: 423,
  retry_later: 503,
  unavailable: 503,
};

/** In words that a person or a model can act on. */
const NEXT = {
  in_doubt:
    "It may have happened. Do not call again: ask for the receipt, or run reconcile; a person may have to decide.",
  review: "Waits for a person's decision (review). Do not call again.",
  in_progress: "Another caller is executing it. Ask again with the same request id.",
  retry_later: "It has not happened; a retry is scheduled. Ask again with the same request id.",
  held: "Waits for a person's approval; nothing was sent. Do not call again under another id: once approved it is executed.",
  case: "Waits for its finality case; nothing was sent. Do not call again under another id: once final it is executed.",
  halted: "Stopped until a person resumes it. Do not call again, and do not try another way.",
} as const;

/** How soon it makes sense to ask again when nothing better is known, in ms. */
const ASK_AGAIN_MS = 1_000;

/** The answer that a stored record gives to a caller. `executed` only for the caller whose call it was. */
export function outcomeOf<Result>(receipt: Receipt, status: "executed" | "replayed" = "replayed"): Outcome<Result> {
  const identified = { requestId: receipt.requestId, receipt };
  const dueInMs = receipt.dueAt === null ? ASK_AGAIN_MS : Math.max(0, receipt.dueAt - receipt.readAt);
  switch (receipt.state) {
    case "succeeded":
    case "compensating":
    case "compensated":
      return { ...identified, status, ...storedResult<Result>(receipt) };
    case "failed":
      return { ...identified, status: "failed", failure: receipt.failure ?? didNotHappen("It did not happen.") };
    case "running":
      // A lapsed lease is an open question, whoever has not yet written it down.
      return isLapsed(receipt)
        ? {
            ...identified,
            status: "in_doubt",
            since: receipt.dueAt,
            failure: null,
            next: NEXT.in_doubt,
            retryAfterMs: 0,
          }
        : {
            ...identified,
            status: "in_progress",
            retryAfterMs: Math.min(dueInMs, ASK_AGAIN_MS),
            next: NEXT.in_progress,
          };
    case "retry_wait":
      return { ...identified, status: "retry_later", retryAfterMs: dueInMs, next: NEXT.retry_later };
    case "in_doubt":
      return {
        ...identified,
        status: "in_doubt",
        since: receipt.attemptEndedAt,
        failure: receipt.failure,
        next: NEXT.in_doubt,
        retryAfterMs: Math.max(dueInMs, ASK_AGAIN_MS),
      };
    case "review":
      return {
        ...identified,
        status: "review",
        reason: receipt.reason ?? "unknown",
        route: receipt.route,
        failure: receipt.failure,
        next: NEXT.review,
      };
    case "held":
      return {
        ...identified,
        status: "held",
        waitsFor: receipt.hold?.waitsFor ?? "approval",
        caseId: receipt.hold?.caseId ?? null,
        reasons: receipt.hold?.reasons ?? [],
        retryAfterMs: ASK_AGAIN_MS,
        next: receipt.hold?.waitsFor === "case" ? NEXT.case : NEXT.held,
      };
    case "denied":
      return { ...identified, status: "denied", reason: receipt.reason ?? "denied" };
    case "expired":
      return {
        ...identified,
        status: "expired",
        reason: `retention has passed; it ended as ${receipt.reason ?? "settled"} and never executes again`,
      };
  }
}

function storedResult<Result>(receipt: Receipt): { result: Result; omitted?: string } {
  const result = resultOf(receipt) as Result;
  return receipt.result && "omitted" in receipt.result ? { result, omitted: receipt.result.omitted } : { result };
}

/** The loop filter's answer: the earlier receipt instead of a second effect. */
export function skipped(requestId: string, earlier: Receipt): Skipped {
  const { action, recordId } = earlier;
  return {
    status: "skipped",
    requestId,
    receipt: earlier,
    reason: `"${action}" was done on ${recordId ?? "this record"} inside the window, by request ${earlier.requestId}`,
  };
}

export function halted(requestId: string, halt: Halt, receipt: Receipt | null): Halted {
  return {
    status: "halted",
    requestId,
    receipt,
    halt,
    reason: `the ${halt.scope} "${halt.id}" is halted: ${halt.reason}`,
    next: NEXT.halted,
  };
}

/** Another request works on the same record, and this one's turn has not come. Nothing was sent. */
export function notItsTurn(requestId: string, recordId: string): Waiting {
  return {
    status: "in_progress",
    requestId,
    receipt: null,
    retryAfterMs: ASK_AGAIN_MS,
    next: `Another request is working on ${recordId}; nothing was sent. Ask again with the same request id to keep the place in the queue.`,
  };
}

/** Its caller has left before anything was sent. */
export function cancelled(requestId: string): Refused {
  return { status: "denied", requestId, receipt: null, reason: CANCELLED };
}

export function isCancelled(outcome: Outcome): boolean {
  return outcome.status === "denied" && outcome.receipt === null && outcome.reason === CANCELLED;
}

const CANCELLED = "cancelled before it was sent";

/** The id already stands for something else. Carries no stored data: the caller may not be its owner. */
export function mismatch(requestId: string): Refused {
  return {
    status: "mismatch",
    requestId,
    receipt: null,
    reason: "this request id was used with another payload or action; a new intent needs a new id",
  };
}
