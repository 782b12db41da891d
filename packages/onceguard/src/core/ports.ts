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
import type { Attribution } from "./attribution.ts";
import type { Claim, ClaimRequest } from "./claim.ts";
import type { Epoch, EpochOrder } from "./epoch.ts";
import type { Route } from "./failure.ts";
import type { FinalityCase, FinalityPolicy } from "./finality.ts";
import type { Halt, HaltOrder, HaltScope, HaltSubject } from "./halt.ts";
import type { Transition } from "./lifecycle.ts";
import type { Notification } from "./notification.ts";
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
 * What a claim is answered with. `claimed`: ours to execute. `recorded`: a new record that does not run yet. `exists`:
 * the record that was there first; under another request id than the one asked for, it already holds the explicit id
 * the caller gave; with the halt in force, if there is one. The others wrote no request: stopped by a halt; not our
 * record's turn; one too many for the loop filter; or an epoch is in force, and a first call is a question.
 */
export type ClaimAnswer =
  | { readonly kind: "claimed"; readonly claim: Claim }
  | { readonly kind: "recorded"; readonly receipt: Receipt }
  | { readonly kind: "exists"; readonly receipt: Receipt; readonly halt: Halt | null }
  | { readonly kind: "halted"; readonly halt: Halt }
  | { readonly kind: "busy"; readonly recordId: string }
  | { readonly kind: "skipped"; readonly earlier: Receipt }
  | { readonly kind: "new_epoch"; readonly epoch: Epoch };

/**
 * `applied` with the new receipt, and a claim when it is now running for us; `stale` with the record as it is. A
 * transition that sends something is also stopped by a halt, and by another request on a serialised record.
 */
export type ApplyAnswer =
  | { readonly kind: "applied"; readonly receipt: Receipt; readonly claim: Claim | null }
  | { readonly kind: "stale"; readonly receipt: Receipt | null }
  | { readonly kind: "halted"; readonly receipt: Receipt; readonly halt: Halt }
  | { readonly kind: "busy"; readonly receipt: Receipt };

/** Which running claim to keep, and for how long from now. */
export interface Renewal {
  readonly tenant: string;
  readonly requestId: string;
  readonly fencingToken: number;
  readonly leaseMs: number;
}

/** One event of a request, append-only: what happened, by whom and why, and between which states of the record. */
export interface LogEntry extends Attribution {
  /** Its place in the log of this store: in the order of writing, with gaps. Two transactions may commit in another. */
  readonly seq: number;
  readonly tenant: string;
  /** Null for what is about no request: a halt. */
  readonly requestId: string | null;
  /**
   * `claim`, `success`, `lapse`, ... the lifecycle event; or one that changes no state: `before`, `late_failure`, `drift`,
   * `skipped`, `replayed`, `proposed`, `mismatch`, `denied`, `halted`, `resumed`.
   */
  readonly event: string;
  readonly action: string | null;
  readonly recordId: string | null;
  /** Null for what happened to no record: a skip. */
  readonly state: State | null;
  readonly version: number;
  readonly fencingToken: number;
  readonly attemptNumber: number;
  /** The business record as the action's `before` and `after` read it: canonical JSON. Null: not read, or forgotten. */
  readonly before: string | null;
  readonly after: string | null;
  /** JSON text with what is particular to the event; never a payload or a result. */
  readonly detail: string | null;
  readonly at: number;
}

/** An entry as it is appended: place and time are the store's. */
export type NewLogEntry = Omit<LogEntry, "seq" | "at">;

/** Which entries of the log. What is left out does not matter. */
export interface LogQuery {
  readonly tenant?: string | undefined;
  readonly requestId?: string | undefined;
  readonly action?: string | undefined;
  readonly recordId?: string | undefined;
  readonly runId?: string | undefined;
  readonly actor?: string | undefined;
  readonly hostScope?: string | undefined;
  readonly hostCallId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly cause?: Attribution["cause"] | undefined;
  readonly events?: readonly string[] | undefined;
  /** From this time of the store's clock on, in ms since the epoch. */
  readonly since?: number | undefined;
  /** Before this time. */
  readonly until?: number | undefined;
  /** Continue behind this place: later ones in order `oldest`, earlier ones in order `newest`. */
  readonly after?: number | undefined;
  /** By place; default `newest`. */
  readonly order?: "newest" | "oldest" | undefined;
  readonly limit: number;
}

/** Which receipts to list. Every field that is given narrows it. */
export interface ReceiptQuery {
  readonly tenant?: string | undefined;
  readonly states?: readonly State[] | undefined;
  readonly action?: string | undefined;
  readonly recordId?: string | undefined;
  readonly runId?: string | undefined;
  /** Bound to this finality case. */
  readonly caseId?: string | undefined;
  /** With private fields under this key. */
  readonly keyId?: string | undefined;
  /** Only those with a conflict. */
  readonly conflict?: true | undefined;
  /** Last changed before this time of the store's clock, in ms since the epoch. */
  readonly updatedBefore?: number | undefined;
  /** `newest` first (default), or `longest_due`: what has waited longest, by `dueAt`, and of equal ones the oldest. */
  readonly order?: "newest" | "longest_due" | undefined;
  /** In order `newest`: continue after this receipt. Lists go from the newest to the oldest; equal times come in a stable order. */
  readonly after?: Pick<Receipt, "createdAt" | "requestId" | "tenant"> | undefined;
  readonly limit: number;
}

/** A finality case as stored, with the rules it was opened under. */
export interface StoredCase {
  readonly tenant: string;
  readonly case: FinalityCase;
  readonly policy: FinalityPolicy;
  /** +1 per change; 0 before the first. */
  readonly version: number;
}

/** A notification that this process now delivers: nobody else takes it for `leaseMs`. */
export interface TakenNotification {
  readonly notification: Notification;
  /** Deliveries tried so far, this one included. */
  readonly deliveries: number;
}

/** The halts, ordered from the newest. */
export interface HaltQuery {
  readonly tenant?: string | undefined;
  /** Only those in force. */
  readonly inForce?: boolean | undefined;
  readonly limit: number;
}

/**
 * One database transaction of the caller's or of the guard's own: what is written through it is committed, or undone,
 * together with whatever else happens in it.
 */
export interface StoreTransaction {
  /** What the action gets as `ctx.tx`: the client, the database, or the handle that the caller gave. */
  readonly handle: unknown;
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  apply(transition: Transition): Promise<ApplyAnswer>;
}

/** What a store says of itself. */
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
  /**
   * Rows 1 and 2 of the lifecycle: one INSERT decides who may execute, in the commit that sees no halt against it.
   *
   * @param readFirst look for the record before trying to insert it: cheaper where it is probably there.
   */
  claim(request: ClaimRequest, readFirst?: boolean): Promise<ClaimAnswer>;
  /** Every other row of the lifecycle. */
  apply(transition: Transition): Promise<ApplyAnswer>;
  /** Extends leases; answers with those of the given renewals that were refused: the claim is no longer ours. */
  renew(renewals: readonly Renewal[]): Promise<readonly Renewal[]>;
  /** By request id, or by the explicit id that a business key took precedence over. */
  find(tenant: string, requestId: string): Promise<Receipt | null>;
  /**
   * Requests whose next step is due, longest due first: `running` with its lease passed, `held`, `retry_wait` and
   * `in_doubt` of the named actions, and `in_doubt` of any action without a capability. Each of these the asker can
   * move; whatever it could not would fill the answer every time, and starve the rest. So `held` and `retry_wait` under
   * a halt are left out, and those whose record is another's turn.
   */
  due(query: { readonly actions: readonly string[]; readonly limit: number }): Promise<readonly Receipt[]>;
  list(query: ReceiptQuery): Promise<readonly Receipt[]>;
  /** Appends an event that changes no state: such evidence is never refused, whatever the fence. */
  append(entry: NewLogEntry): Promise<void>;
  /** The history of one request, oldest first. */
  log(tenant: string, requestId: string): Promise<readonly LogEntry[]>;
  /** Entries across requests. */
  searchLog(query: LogQuery): Promise<readonly LogEntry[]>;

  /** Stops a run, an action or a tenant; answers with the halt in force, the earlier one if there was one already. */
  halt(order: HaltOrder): Promise<Halt>;
  /** Ends a halt; null when none was in force. */
  resume(
    tenant: string,
    scope: HaltScope,
    id: string,
    by: { readonly actor: string; readonly reason: string },
  ): Promise<Halt | null>;
  halts(query: HaltQuery): Promise<readonly Halt[]>;
  /** The halt in force against this caller, if any: the last look before a dispatch that took long to come about. */
  haltFor(subject: HaltSubject): Promise<Halt | null>;

  findCase(tenant: string, id: string): Promise<StoredCase | null>;
  /**
   * Compare-and-set by `version`, which is that of the case as read (0: it must not exist yet). The requests that are
   * held for nothing but this case become due at once. Null when it has moved since.
   */
  saveCase(stored: StoredCase): Promise<StoredCase | null>;

  /** Takes notifications of these routes that are due, the oldest first. */
  takeNotifications(query: {
    readonly routes: readonly Route[];
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly TakenNotification[]>;
  /** Delivered: it is not given out again. `againInMs`: not delivered, to be tried again after that long. */
  settleNotification(id: string, againInMs: number | null): Promise<void>;

  /** The time by the store's clock, in ms since the epoch. */
  now(): Promise<number>;

  /** The epoch in force, if any. */
  epoch(): Promise<Epoch | null>;
  /**
   * Asked again for the restore that is in force (`isAskedAgain`), it answers with that epoch. Another restore begins
   * another one, which goes on counting from the older backup.
   */
  startEpoch(order: EpochOrder): Promise<Epoch>;
  /** New requests count as new again. Null when no epoch was in force. */
  endEpoch(by: { readonly actor: string; readonly reason: string }): Promise<Epoch | null>;

  /** Runs `work` in one transaction: committed when it resolves, undone when it rejects. Absent: not supported. */
  transact?<Answer>(work: (transaction: StoreTransaction) => Promise<Answer>): Promise<Answer>;
  /** Joins a transaction that the caller holds, by its shape. @throws OnceguardError `invalid_option` */
  join?(handle: unknown): StoreTransaction;
  close(): Promise<void>;
}
