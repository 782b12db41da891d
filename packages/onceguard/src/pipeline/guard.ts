import type { ActionDefinition, ActionOptions, AnyAction, CallContext } from "../core/action.ts";
import type { Duration } from "../core/duration.ts";
import type { Outcome } from "../core/outcome.ts";
import type { RiskTier } from "../core/policy.ts";
import type { Clock, LogEntry, Randomness, ReceiptQuery, Store } from "../core/ports.ts";
import type { Receipt } from "../core/receipt.ts";
import type { JsonLimits } from "../core/strict-json.ts";
import type { Reconciliation } from "./reconcile.ts";
import type { Decision } from "./review.ts";
import type { GuardPolicy } from "./runtime.ts";

export interface GuardOptions<Actions extends readonly AnyAction[] = readonly AnyAction[]> {
  readonly store: Store;
  /** The actions that can be executed by name, and that the sweeper can carry on. */
  readonly actions?: Actions;
  /** Deterministic rules, asked before the first claim and again before every retry. */
  readonly policy?: GuardPolicy;
  /** How long a claim lasts without renewal; renewed at a third of it. Default 30 s. */
  readonly lease?: Duration;
  /** Lease that must be left before an effect is sent. Default: a sixth of `lease`. */
  readonly leaseMargin?: Duration;
  /** Longest wait of one call for other callers and for retries; an attempt of its own is awaited whole. Default 30 s. */
  readonly wait?: Duration;
  /** How long `close` waits for what runs, and a finished effect for a store that is away. Default 10 s. */
  readonly grace?: Duration;
  /** How long a claim is tried while the store is away before the call answers `unavailable`. Default 2 s. */
  readonly storeTimeout?: Duration;
  /** How often this process looks for leases that ran out, retries and questions that are due. Default 5 s; false: never. */
  readonly sweepEvery?: Duration | false;
  /** Limits of the strict JSON gate. Default 1 MiB and 64 levels. */
  readonly limits?: Partial<JsonLimits>;
  /** Largest stored result, in bytes of JSON; a larger one is left out and the success still counts. Default 1 MiB. */
  readonly maxResultBytes?: number;
  /** Told what goes wrong where no caller waits (sweeper, late answers). Default: a process warning. */
  readonly onBackgroundError?: (error: unknown) => void;
  /** For simulations and tests. */
  readonly clock?: Clock;
  readonly randomness?: Randomness;
}

/** What an action takes besides its name, its tier and its key. */
type InlineOptions<Payload, Result> = Omit<
  ActionOptions<string, unknown, Payload, Result>,
  "name" | "riskTier" | "key" | "keyFields"
>;

/** SafeAgent's shape: everything in one call, without registering an action. Only the caller can carry it on. */
export interface InlineCall<Payload, Result> extends CallContext, InlineOptions<Payload, Result> {
  readonly requestId: string;
  /** The action's name. */
  readonly action: string;
  readonly payload: Payload;
  /** Default `side_effecting`. `irreversible` needs `input`. */
  readonly riskTier?: RiskTier;
}

type Named<Actions extends readonly AnyAction[], Name> = Extract<Actions[number], { readonly name: Name }>;
type InputOf<A> = A extends ActionDefinition<string, infer Input, infer _P, infer _R> ? Input : never;
type ResultOf<A> = A extends ActionDefinition<string, infer _I, infer _P, infer Result> ? Result : never;

export interface Guard<Actions extends readonly AnyAction[] = readonly AnyAction[]> {
  /**
   * Makes the effect of a registered action happen once, and answers with what became of it.
   *
   * @throws OnceguardError only for misuse: unknown action, a payload that is not strict JSON or does not fit, no identity.
   */
  execute<Name extends Actions[number]["name"]>(
    action: Name,
    payload: InputOf<Named<Actions, Name>>,
    context?: CallContext,
  ): Promise<Outcome<ResultOf<Named<Actions, Name>>>>;
  /** The same for an action given on the spot. */
  execute<Payload, Result>(call: InlineCall<Payload, Result>): Promise<Outcome<Result>>;
  /** A plain async function that executes an action under this guard. Registers the action if it is not yet. */
  wrap<Input, Payload, Result>(
    action: ActionDefinition<string, Input, Payload, Result>,
  ): (payload: Input, context?: CallContext) => Promise<Outcome<Result>>;
  /** What the store knows of a request; never executes. */
  receipt(requestId: string, options?: { readonly tenant?: string }): Promise<Receipt | null>;
  receipts(query?: Partial<ReceiptQuery>): Promise<readonly Receipt[]>;
  /** The requests that wait for a person, longest waiting first. */
  reviews(query?: Partial<Omit<ReceiptQuery, "states">>): Promise<readonly Receipt[]>;
  /** The history of a request, oldest first. */
  log(requestId: string, options?: { readonly tenant?: string }): Promise<readonly LogEntry[]>;
  resolve(requestId: string, decision: Decision): Promise<Receipt>;
  reopen(
    requestId: string,
    by: {
      readonly actor: string;
      readonly reason: string;
      readonly expectedVersion?: number;
      readonly tenant?: string;
    },
  ): Promise<Receipt>;
  /** Settles one request now, as far as its action allows. */
  reconcile(requestId: string, options?: { readonly tenant?: string }): Promise<Outcome>;
  /** One pass of the sweeper over everything that is due. */
  reconcile(): Promise<Reconciliation>;
  /** Stops claiming, waits for what runs (at most `grace`), marks the rest in doubt, closes the store. Idempotent. */
  close(): Promise<void>;
}
