import type { ProbeAnswer } from "./action.ts";
import type { FailureTier } from "./failure.ts";
import type { RiskTier } from "./policy.ts";
import type { Receipt } from "./receipt.ts";

/** What may be told of a request: never its payload, its result, or the words of an error. */
export type ToldReceipt = Pick<
  Receipt,
  | "tenant"
  | "requestId"
  | "action"
  | "riskTier"
  | "keySource"
  | "state"
  | "attemptNumber"
  | "fencingToken"
  | "version"
  | "traceId"
>;

/** An effect that is about to be sent. `fencingToken` is 0 for tier `safe`, which claims nothing. */
export type ToldEffect = Pick<
  Receipt,
  "tenant" | "requestId" | "action" | "riskTier" | "attemptNumber" | "fencingToken" | "traceId"
>;

/** Something that the guard does, while it is watched. */
export interface Watched<Ending> {
  /** Runs `work` once, now, and gives what it gives: whatever that begins belongs to this. */
  within<T>(work: () => T): T;
  /** Called once. */
  end(ending: Ending): void;
}

export interface WatchedCall extends Watched<CallEnding> {
  /** The trace that the call belongs to, the caller's where it has one; recorded where the call names none itself. */
  readonly traceId: string | null;
}

export interface CallBeginning {
  readonly verb: "execute" | "enqueue" | "propose" | "claim";
  readonly action: string;
  readonly riskTier: RiskTier;
  /** The host's own id of the call, such as a tool call id. */
  readonly hostCallId: string | null;
}

/** How a call ended: with an answer, or with the code of what was thrown because of its misuse. */
export type CallEnding =
  | {
      /** The outcome's status; a proposal's verdict; or `claimed`. */
      readonly status: string;
      readonly requestId: string;
      /** The earlier request's when `skipped`. */
      readonly receipt: ToldReceipt | null;
      readonly failure: ToldFailure | null;
    }
  | { readonly error: string };

export interface ToldFailure {
  readonly code: string;
  readonly tier: FailureTier | null;
}

/** What is known of an effect when the guard stops waiting for it. */
export interface EffectEnding {
  readonly answer: ProbeAnswer<unknown>["answer"];
  readonly failure: ToldFailure | null;
}

/** A record that was carried on without its caller, as it then stood; or the code of what went wrong. */
export type CarryOnEnding = { readonly receipt: ToldReceipt } | { readonly error: string };

/** What is open in the store, up to a limit; by a look that a sweeper takes now and then. */
export interface OpenRequests {
  /** The store's name. */
  readonly store: string;
  readonly inDoubt: readonly { readonly action: string; readonly ageMs: number }[];
  readonly reviews: readonly { readonly action: string }[];
}

/**
 * Where a guard tells what it does, for traces and metrics. It is told values and decides nothing; whatever it throws
 * is kept from the callers.
 */
export interface Telemetry {
  call(beginning: CallBeginning): WatchedCall;
  /** A sweeper, or a person, carries a stored request on. */
  carryOn(receipt: ToldReceipt): Watched<CarryOnEnding>;
  effect(effect: ToldEffect): Watched<EffectEnding>;
  probe(receipt: ToldReceipt): Watched<ProbeAnswer<unknown>["answer"]>;
  /** One call of the store, by its verb. */
  store(store: string, verb: string): Watched<{ readonly error: string | null }>;
  open(requests: OpenRequests): void;
  /** Runs work that belongs to no caller, although a caller's call has set it going. */
  outside<T>(work: () => T): T;
}
