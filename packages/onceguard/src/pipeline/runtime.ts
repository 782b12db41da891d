import type { AnyAction } from "../core/action.ts";
import type { CheckedBudgets } from "../core/budget.ts";
import type { Hmac } from "../core/digest.ts";
import type { Route } from "../core/failure.ts";
import type { FinalityPolicy } from "../core/finality.ts";
import type { Notifier } from "../core/notification.ts";
import type { Policy, PolicyRule } from "../core/policy.ts";
import type { Clock, NewLogEntry, Randomness, Store } from "../core/ports.ts";
import type { Privacy } from "../core/privacy.ts";
import type { JsonLimits } from "../core/strict-json.ts";
import type { Telemetry } from "../core/telemetry.ts";
import type { DataKeys } from "./data-keys.ts";
import type { Flight } from "./flight.ts";
import type { Leases } from "./leases.ts";

/** Gathers lines of the action log that need no commit of their own. */
export interface SideLines {
  add(line: NewLogEntry): void;
  flush(): Promise<void>;
}

/** What every step of the pipeline is handed. Made once by `createGuard`. */
export interface Runtime {
  readonly store: Store;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly limits: JsonLimits;
  readonly policy: Policy | null;
  readonly rules: readonly PolicyRule[];
  readonly policyVersion: string;
  readonly budgets: CheckedBudgets;
  readonly finality: FinalityPolicy;
  /** Whom to tell, by route. */
  readonly notifiers: ReadonlyMap<Route, readonly Notifier[]>;
  /** Told what is done; cannot do harm. Null: nobody is. */
  readonly telemetry: Telemetry | null;
  /** Where outcomes go that the store did not take; null: nowhere. */
  readonly spillFolder: string | null;
  readonly holdMs: number;
  readonly approvalMs: number;
  /** A claim older than this at its dispatch looks once more for a halt. */
  readonly haltLookMs: number;
  /** Registered actions by name; `wrap` adds to them. */
  readonly actions: Map<string, AnyAction>;
  /** Actions that only their callers execute, and whose doubts a sweeper settles all the same, by name. */
  readonly settledOnly: Map<string, AnyAction>;
  /** Where the keys of private fields are; null: nothing is encrypted here. */
  readonly keys: DataKeys | null;
  /** What is private of actions that were called without being registered, by name. */
  readonly privacyOfUnregistered: Map<string, Privacy>;
  readonly leases: Leases;
  /** For lines about calls that change nothing; null when the guard does not keep them. */
  readonly sideLog: SideLines | null;
  readonly inFlight: Map<string, Flight>;
  /** Owner tokens of claims that the store never answered, by request and fingerprint. */
  readonly unansweredClaims: Map<string, string>;
  /** Attempts whose promise has not settled, by request: retries of one request are serial in this process. */
  readonly pending: Map<string, Promise<unknown>>;
  /** Opens the store once; afterwards synchronous. */
  ready(): Promise<void>;
  hmac(tenant: string): Hmac;
  readonly leaseMs: number;
  readonly leaseMarginMs: number;
  readonly waitMs: number;
  readonly graceMs: number;
  readonly storeTimeoutMs: number;
  readonly maxResultBytes: number;
  /** Fires when the guard stops taking new work. */
  readonly closing: AbortSignal;
  /** Fires when the grace period is over: what still runs is told to stop and recorded as in doubt. */
  readonly aborting: AbortSignal;
  /** Calls back when `aborting` fires, at once if it has; returns the way to call it off. Cheaper than a listener each. */
  onAbort(stop: () => void): () => void;
  /** Work that outlives its caller (detached attempts, log lines); `close` waits for it. */
  readonly background: Set<Promise<unknown>>;
  /** Effects the guard no longer waits for, whose answers are still evidence; `close` gives them the grace period only. */
  readonly late: Set<Promise<unknown>>;
  /** True once the store has been let go: whatever answers now can no longer be recorded here. */
  isClosed(): boolean;
  /** For what goes wrong where no caller waits. */
  report(error: unknown): void;
}

export function flightKey(tenant: string, requestId: string): string {
  return `${tenant}\u0000${requestId}`;
}

/** Lets work go on without its caller; a failure there has nobody to be thrown at, and the store keeps the question. */
export function goOn(runtime: Runtime, among: Set<Promise<unknown>>, work: Promise<unknown>): void {
  const tracked = work.catch(runtime.report).finally(() => {
    among.delete(tracked);
  });
  among.add(tracked);
}
