/**
 * The ports of the core: what the pipeline needs from the outside, as types only.
 *
 *   proposal       what a caller asks for, not yet validated
 *   action         validated and identified: request id, fingerprint, idempotency key
 *   claim          the atomic right to execute, with its lease and fencing token; only a store grants one
 *   attempt        one try, from 1
 *   effect         the change in the outside world
 *   receipt        what the store durably knows of a request; replay answers from it
 *   in doubt       the effect may have happened
 *   reconcile      settle that: ask (probe), send again under a key that is still valid, or hand it to a person (review)
 */
import type { Claim, ClaimRequest } from "./claim.ts";
import type { Transition } from "./lifecycle.ts";
import type { Receipt, State } from "./receipt.ts";

declare global {
  /** The core knows no platform; this merges with the real AbortSignal of Node and the web. */
  interface AbortSignal {}
}

/** Time in the process. Only ever used for waiting and for local durations; what is stored is timed by the store. */
export interface Clock {
  /** Milliseconds from an arbitrary start, never going back. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when the signal fires; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `then` once after `ms`; returns the way to call it off. */
  after(ms: number, then: () => void): () => void;
  /** Calls `tick` every `ms` without keeping the process alive; returns the way to stop it. */
  every(ms: number, tick: () => void): () => void;
}

/** Randomness: `random` in [0, 1) spreads retries, `token` (unique, unguessable) says who wrote a row. */
export interface Randomness {
  random(): number;
  token(): string;
}

/**
 * What a claim is answered with: the claim, or the record that was there first. Under another request id than the one
 * asked for, that record already holds the explicit id the caller gave.
 */
export type ClaimAnswer =
  | { readonly kind: "claimed"; readonly claim: Claim }
  | { readonly kind: "exists"; readonly receipt: Receipt };

/** `applied` with the new receipt, and a claim when it is now running for us; `stale` with the record as it is. */
export type ApplyAnswer =
  | { readonly kind: "applied"; readonly receipt: Receipt; readonly claim: Claim | null }
  | { readonly kind: "stale"; readonly receipt: Receipt | null };

/** Which running claim to keep, and for how long from now. */
export interface Renewal {
  readonly tenant: string;
  readonly requestId: string;
  readonly fencingToken: number;
  readonly leaseMs: number;
}

/** One event of a request, append-only. */
export interface LogEntry {
  readonly tenant: string;
  readonly requestId: string;
  /** `claim`, `success`, `lapse`, ... the lifecycle event; or `late_failure`, `drift`, which change no state. */
  readonly event: string;
  readonly state: State;
  readonly version: number;
  readonly fencingToken: number;
  readonly attemptNumber: number;
  readonly actor: string | null;
  /** JSON text with what is particular to the event; never a payload or a result. */
  readonly detail: string | null;
  readonly at: number;
}

export interface ReceiptQuery {
  readonly tenant?: string | undefined;
  readonly states?: readonly State[] | undefined;
  readonly action?: string | undefined;
  readonly recordId?: string | undefined;
  readonly runId?: string | undefined;
  /** `newest` first (default), or `longest_due`: what has waited longest, by `dueAt`. */
  readonly order?: "newest" | "longest_due" | undefined;
  /** In order `newest`: continue after this receipt. Lists go from the newest to the oldest; equal times come in a stable order. */
  readonly after?: Pick<Receipt, "createdAt" | "requestId" | "tenant"> | undefined;
  readonly limit: number;
}

export interface StoreInfo {
  /** Secret from which the tenants' fingerprint keys are derived; made once per store. */
  readonly secret: string;
  readonly schemaVersion: number;
}

/**
 * Persistence. Every write is one atomic compare-and-set: the state, the version and the fencing token stand in its
 * condition, and the row count is the answer. There is no generic update: the only thing that can be applied is a
 * `Transition`, and only the lifecycle makes those.
 *
 * Failures: a store throws OnceguardError `store_unavailable` when it cannot be reached (`fields.applied` is "no", or
 * "unknown" when the write may have been committed), `store_unusable` or `schema_too_new` when it must not be used.
 * Every write may be asked again with the same owner token after "unknown": the answer is then that of the first.
 */
export interface Store {
  /** For people: `sqlite:onceguard.db`, `postgres://db.internal/app`. No secrets. */
  readonly name: string;
  /** Whether receipts survive the process. */
  readonly durable: boolean;
  /** Brings the schema up to date (safe under concurrent starters) and refuses one from the future. Idempotent. */
  open(): Promise<StoreInfo>;
  /** Row 1 of the lifecycle: one INSERT decides who may execute. */
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** Every other row of the lifecycle. */
  apply(transition: Transition): Promise<ApplyAnswer>;
  /** Extends leases; answers with those of the given renewals that were refused: the claim is no longer ours. */
  renew(renewals: readonly Renewal[]): Promise<readonly Renewal[]>;
  /** By request id, or by the explicit id that a business key took precedence over. */
  find(tenant: string, requestId: string): Promise<Receipt | null>;
  /**
   * Requests whose next step is due, longest due first: `running` with its lease passed, `retry_wait` and `in_doubt` of
   * the named actions, and `in_doubt` of any action without a capability. Each of these the asker can move; whatever it
   * could not would fill the answer every time, and starve the rest.
   */
  due(query: { readonly actions: readonly string[]; readonly limit: number }): Promise<readonly Receipt[]>;
  list(query: ReceiptQuery): Promise<readonly Receipt[]>;
  /** Appends an event that changes no state: such evidence is never refused, whatever the fence. */
  append(entry: Omit<LogEntry, "at">): Promise<void>;
  log(tenant: string, requestId: string): Promise<readonly LogEntry[]>;
  close(): Promise<void>;
}
