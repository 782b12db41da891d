import type { Failure, Route } from "./failure.ts";
import type { Hold } from "./hold.ts";
import type { RiskTier } from "./policy.ts";
import type { KeySource } from "./request-id.ts";

/** Where a request stands (docs/concepts-states.md). */
export type State =
  | "held"
  | "running"
  | "retry_wait"
  | "in_doubt"
  | "review"
  | "succeeded"
  | "failed"
  | "denied"
  | "compensating"
  | "compensated"
  | "expired";

export const STATES: readonly State[] = [
  "held",
  "running",
  "retry_wait",
  "in_doubt",
  "review",
  "succeeded",
  "failed",
  "denied",
  "compensating",
  "compensated",
  "expired",
];

const TERMINAL: ReadonlySet<State> = new Set(["succeeded", "failed", "denied", "compensated", "expired"]);

/** Nothing more is sent for a request in a terminal state, unless a person reopens it. */
export function isTerminal(state: State): boolean {
  return TERMINAL.has(state);
}

/** How the guard knows that a request succeeded. */
export type Evidence = "effect" | "probe" | "late" | "person";

/**
 * What settles an unknown outcome of an action without a person (docs/uncertain-completion.md). Stored with the request, so
 * that a process which does not have the action's code still knows what to promise.
 */
export type Capability = "none" | "probe" | "downstream_key" | "probe_and_downstream_key" | "transaction";

/** A result as stored: its JSON text, or why there is none. */
export type StoredResult = { readonly json: string } | { readonly omitted: string };

/** Which request it is: written by the first claim, and never changed. */
export interface RequestIdentity {
  readonly tenant: string;
  readonly requestId: string;
  /** The id the caller gave, where a business key took precedence over it. */
  readonly explicitId: string | null;
  readonly action: string;
  readonly recordId: string | null;
  readonly riskTier: RiskTier;
  readonly capability: Capability;
  readonly keySource: KeySource;
  readonly fingerprint: string;
  readonly runId: string | null;
  readonly actor: string | null;
  /** The first caller's host and trace, for the action log; never part of the identity beyond the ladder. */
  readonly hostScope: string | null;
  readonly hostCallId: string | null;
  readonly traceId: string | null;
  /** What the effect is worth, in whole smallest units (cents), where the action says so; budgets add it up. */
  readonly amount: number | null;
  /** Takes its record's turn: of all such requests on one record, one at a time is running or in doubt. */
  readonly serialized: boolean;
  /** The finality case it is bound to. */
  readonly caseId: string | null;
  /** What the caller expects the record to be like, at every attempt. */
  readonly expected: Expected | null;
  /** The key that its private fields are encrypted under; null: it has none, or they are redacted. */
  readonly keyId: string | null;
}

/** What fields of a record must be like. */
export type Expected = Readonly<Record<string, string | number | boolean | null>>;

/**
 * What the store durably knows of one request, as read at `readAt`. A value: every change makes a new one with the next
 * `version`. All times are milliseconds since the epoch by the store's clock.
 */
export interface Receipt extends RequestIdentity {
  /** Canonical JSON of the validated payload; null once retention has passed. */
  readonly payload: string | null;
  readonly state: State;
  /** Evidence contradicts this record: a person must look. */
  readonly conflict: boolean;
  /** Sticky: an attempt may have had its effect and nothing has settled yet whether it did. */
  readonly mayHaveApplied: boolean;
  /** +1 per claim; every write must carry the current one. */
  readonly fencingToken: number;
  /** Changes the idempotency key sent downstream; rises only when it is known that nothing happened. */
  readonly generation: number;
  /** Tries so far, from 1. */
  readonly attemptNumber: number;
  /** +1 per transition; what a reviewer's decision is bound to. */
  readonly version: number;
  readonly result: StoredResult | null;
  readonly failure: Failure | null;
  readonly evidence: Evidence | null;
  /** Why it is in review, held, denied: `retries_exhausted`, `uncertain`, ... or a person's words. */
  readonly reason: string | null;
  readonly route: Route | null;
  /** What a held request waits for; null in every other state. */
  readonly hold: Hold | null;
  /**
   * With `preciseDispatch`: whether the current attempt may have been sent. False is proof that it was not, since the
   * mark is written first. Null: not tracked, and a lapse leaves the question open; but for an effect in the store's own
   * transaction, where only true does.
   */
  readonly dispatched: boolean | null;

  readonly createdAt: number;
  readonly updatedAt: number;
  /** When the current generation's key could first have been sent. */
  readonly generationAt: number;
  /** When the last attempt ended, as far as known; a probe's settle delay counts from here. */
  readonly attemptEndedAt: number | null;
  /** running: the lease ends. retry_wait, in_doubt: the next step is due. review: since when. Otherwise null. */
  readonly dueAt: number | null;
  readonly readAt: number;
}

/** The lease of a running request has passed, by the store's clock. */
export function isLapsed(receipt: Receipt): boolean {
  return receipt.state === "running" && receipt.dueAt !== null && receipt.dueAt <= receipt.readAt;
}

/** The stored result as a value; undefined when there is none. */
export function resultOf(receipt: Receipt): unknown {
  return receipt.result && "json" in receipt.result ? JSON.parse(receipt.result.json) : undefined;
}
