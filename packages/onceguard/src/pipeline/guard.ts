import type { ActionDefinition, ActionOptions, AnyAction, CallContext } from "../core/action.ts";
import type { BlastQuery, BlastRadius, CorrectionPlan } from "../core/blast-radius.ts";
import type { Budgets } from "../core/budget.ts";
import type { Duration } from "../core/duration.ts";
import type { Epoch } from "../core/epoch.ts";
import type { Route } from "../core/failure.ts";
import type { FinalityPolicy } from "../core/finality.ts";
import type { Halt, HaltScope } from "../core/halt.ts";
import type { KeyRing } from "../core/key-ring.ts";
import type { Notifier } from "../core/notification.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Policy, PolicyRule, RiskTier } from "../core/policy.ts";
import type { Clock, HaltQuery, LogEntry, LogQuery, Randomness, ReceiptQuery, Store } from "../core/ports.ts";
import type { Receipt } from "../core/receipt.ts";
import type { JsonLimits } from "../core/strict-json.ts";
import type { Telemetry } from "../core/telemetry.ts";
import type { ApprovalGrant, Denial } from "./approve.ts";
import type { Correction, CorrectionPreview, CorrectionReport } from "./correct.ts";
import type { Erased, Erasure } from "./erase.ts";
import type { ExternalClaims } from "./external-claim.ts";
import type { GuardCase } from "./finality.ts";
import type { Proposed } from "./intake.ts";
import type { Reconciliation } from "./reconcile.ts";
import type { Restoration } from "./restore.ts";
import type { Retention } from "./retention.ts";
import type { Decision } from "./review.ts";
import type { GivenEvidence } from "./take-evidence.ts";

/** What a guard works with: its store, its actions, and what may hold them back. */
export interface GuardOptions<Actions extends readonly AnyAction[] = readonly AnyAction[]> {
  readonly store: Store;
  /** The actions that can be executed by name, and that the sweeper can carry on. */
  readonly actions?: Actions;
  /**
   * Deterministic code, asked before the first claim and again before anything runs again: allow, deny, or review (a
   * person must approve first). Must not have effects of its own.
   */
  readonly policy?: Policy;
  /** Rules without code, asked together with `policy`; the strictest answer counts. */
  readonly rules?: readonly PolicyRule[];
  /** Part of what an approval is bound to: change it when rules or policy change. Default "1". */
  readonly policyVersion?: string;
  /** Limits that halt a run, an action or a tenant. Default: none. */
  readonly budgets?: Budgets;
  /** How finality cases are decided where a case says nothing else. Default: see FinalityPolicy. */
  readonly finality?: Partial<FinalityPolicy>;
  /** Who is told of reviews, held requests, conflicts and halts; see `onceguard/notify`. Default: nobody. */
  readonly notify?: Readonly<Partial<Record<Route, Notifier | readonly Notifier[]>>>;
  /** Who is told what the guard does, for traces and metrics; see `onceguard/otel`. Default: nobody. */
  readonly telemetry?: Telemetry;
  /** How long a request waits for approval before it is denied. Default 7 days. */
  readonly holdFor?: Duration;
  /** How long an approval lasts, unless it says so itself. Default 1 hour. */
  readonly approvalFor?: Duration;
  /**
   * A claim that took longer than this to come to its dispatch looks once more for a halt, as one whose action has read its
   * record (`before`) does in any case. Default 100 ms.
   */
  readonly haltLook?: Duration;
  /**
   * The folder for outcomes that the store did not take within `grace`; they are recorded at the next start. Made when
   * it is needed. Default `.onceguard-spill` for a durable store; false: nowhere.
   */
  readonly spill?: string | false;
  /**
   * Whether the action log also has the calls that change nothing: replayed, refused, proposed. They are gathered for a
   * quarter of a second, equal ones counted, and written together in the background, so that a replay costs no commit; a
   * process that dies loses that much of them. Default true.
   */
  readonly logCalls?: boolean;
  /** Where the keys of private fields are; see `onceguard/privacy`. Needed where an action encrypts. Default: none. */
  readonly keys?: KeyRing;
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

/** Who decides, and why; both are kept. */
export interface By {
  readonly actor: string;
  readonly reason: string;
  readonly tenant?: string;
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

export interface WrapOptions {
  /**
   * For effects that need something of their caller, so that no sweeper may execute them. `"settle"`: a sweeper asks the
   * action's probe about what its callers have left open, and hands to a person what nobody has come for in time. False:
   * it leaves that alone, too, because the probe needs the caller as well. Default true: a sweeper carries everything on.
   */
  readonly register?: boolean | "settle";
}

type Named<Actions extends readonly AnyAction[], Name> = Extract<Actions[number], { readonly name: Name }>;
type InputOf<A> = A extends ActionDefinition<string, infer Input, infer _P, infer _R> ? Input : never;
type ResultOf<A> = A extends ActionDefinition<string, infer _I, infer _P, infer Result> ? Result : never;

/** What stands between a decision and its effect. Made by `createGuard`; one per process and store is enough. */
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
  /**
   * Validates, identifies and judges; executes nothing. What needs approval is recorded as `held`, so that a person can
   * approve just this.
   */
  propose<Name extends Actions[number]["name"]>(
    action: Name,
    payload: InputOf<Named<Actions, Name>>,
    context?: CallContext,
  ): Promise<Proposed>;
  /** The same for an action that is not registered, such as one that `wrap` has taken with `register: false`. */
  propose<Input, Payload, Result>(
    action: ActionDefinition<string, Input, Payload, Result>,
    payload: Input,
    context?: CallContext,
  ): Promise<Proposed>;
  /** A person's consent to a held request: bound to its payload, the action's and the policy's version, and used once. */
  approve(requestId: string, grant: ApprovalGrant): Promise<Receipt>;
  /** A person's no to a held request. */
  deny(requestId: string, denial: Denial): Promise<Receipt>;
  /**
   * Records the request and leaves its execution to a sweeper: the transactional outbox. With `tx` in the context, the
   * request is recorded if and only if that transaction commits.
   */
  enqueue<Name extends Actions[number]["name"]>(
    action: Name,
    payload: InputOf<Named<Actions, Name>>,
    context?: CallContext,
  ): Promise<Outcome<ResultOf<Named<Actions, Name>>>>;
  /** Claims for effects that somebody else performs, such as an agent's host: claim, renew, complete, fail. */
  external(definitions: readonly AnyAction[]): ExternalClaims;
  /** What the outside world says of a request by itself: a provider's webhook, a reconciliation file. */
  evidence(requestId: string, evidence: GivenEvidence): Promise<Receipt>;
  /** Stops a run, an action or a tenant: nothing of it is claimed or sent any more, in no process, until `resume`. */
  halt(scope: HaltScope, id: string, by: By): Promise<Halt>;
  /** @throws OnceguardError `not_resolvable` when nothing of the kind is halted */
  resume(scope: HaltScope, id: string, by: By): Promise<Halt>;
  halts(query?: Partial<HaltQuery>): Promise<readonly Halt[]>;
  /** A finality case: gathers what sources say about an outcome until it is final. */
  case(id: string, options?: { readonly tenant?: string; readonly policy?: Partial<FinalityPolicy> }): GuardCase;
  /** Forgets payloads and results of settled requests. They stay known, and never execute again. */
  expire(retention: Retention): Promise<{ readonly expired: number }>;
  /**
   * Destroys the key of a subject, such as `customer:4711`: what was encrypted under it, here and in every backup of the
   * store, cannot be read any more. Its settled requests stay known, and never execute again; the log still verifies.
   *
   * @throws OnceguardError `subject_in_use` while a request of the subject is open | `missing_reason` | `invalid_option`
   */
  erase(erasure: Erasure): Promise<Erased>;
  /**
   * After the store was put back to a backup: everything that may have been in flight since is put in doubt, and every
   * first call is a question, until `endRestore` or until the time given is over.
   */
  restore(restoration: Restoration): Promise<{ readonly epoch: Epoch; readonly doubted: number }>;
  endRestore(by: { readonly actor: string; readonly reason: string }): Promise<Epoch | null>;
  /**
   * A plain async function that executes an action under this guard. Registers the action if it is not yet.
   *
   * @throws OnceguardError `duplicate_action`: another action of that name is registered
   */
  wrap<Input, Payload, Result>(
    action: ActionDefinition<string, Input, Payload, Result>,
    options?: WrapOptions,
  ): (payload: Input, context?: CallContext) => Promise<Outcome<Result>>;
  /** What the store knows of a request; never executes. */
  receipt(requestId: string, options?: { readonly tenant?: string }): Promise<Receipt | null>;
  receipts(query?: Partial<ReceiptQuery>): Promise<readonly Receipt[]>;
  /** The requests that wait for a person, longest waiting first. */
  reviews(query?: Partial<Omit<ReceiptQuery, "states">>): Promise<readonly Receipt[]>;
  /** The history of a request, oldest first. */
  log(requestId: string, options?: { readonly tenant?: string }): Promise<readonly LogEntry[]>;
  /** The action log across requests, newest first unless the query says otherwise. */
  log(query?: Partial<LogQuery>): Promise<readonly LogEntry[]>;
  /** Exactly the requests whose effect happened, or may have, with the record before and after, and what came later. */
  blastRadius(query: BlastQuery): Promise<BlastRadius>;
  /** What `correct` would do with a plan, after a look at every record. Writes nothing. */
  previewCorrection(plan: CorrectionPlan, options?: { readonly unchecked?: boolean }): Promise<CorrectionPreview>;
  /**
   * Undoes the effects of a plan (`blastRadius(...).plan`) by their actions' `compensate`, each as a guarded request of
   * its own. May be cut off at any point and run again.
   *
   * @throws OnceguardError `plan_changed` | `missing_reason`
   */
  correct(plan: CorrectionPlan, correction: Correction): Promise<CorrectionReport>;
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
  /** One pass of the sweeper over everything that is due; then people are told what they have to know. */
  reconcile(): Promise<Reconciliation>;
  /** Delivers what people have to be told and have not been told yet. Every pass of the sweeper does so by itself. */
  tellPeople(): Promise<void>;
  /** Stops claiming, waits for what runs (at most `grace`), marks the rest in doubt, closes the store. Idempotent. */
  close(): Promise<void>;
}
