import {
  type ActionDefinition,
  type AnyAction,
  type CallContext,
  defineAction,
  type EffectContext,
  type ProbeAnswer,
  type Schema,
} from "../core/action.ts";
import { type Duration, durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Classify } from "../core/failure.ts";
import { type Outcome, outcomeOf } from "../core/outcome.ts";
import { type RiskTier, tierDemands } from "../core/policy.ts";
import type { Clock, LogEntry, Randomness, ReceiptQuery, Store } from "../core/ports.ts";
import type { Receipt } from "../core/receipt.ts";
import { checkRequestId } from "../core/request-id.ts";
import { DEFAULT_JSON_LIMITS, type JsonLimits } from "../core/strict-json.ts";
import { tenantHmac } from "./digest.ts";
import { DEFAULT_TENANT, identify, tenantOf, withFingerprint } from "./identify.ts";
import { Leases } from "./leases.ts";
import { perform, unavailable } from "./perform.ts";
import { performSafe } from "./perform-safe.ts";
import { isUnavailable, persist } from "./persist.ts";
import { propose } from "./propose.ts";
import { type Reconciliation, reconcileDue, reconcileOne, startSweeper } from "./reconcile.ts";
import { type Decision, reopen, resolve } from "./review.ts";
import type { GuardPolicy, Runtime } from "./runtime.ts";
import { systemClock, systemRandomness } from "./system-clock.ts";

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

/** SafeAgent's shape: everything in one call, without registering an action. Only the caller can carry it on. */
export interface InlineCall<Payload, Result> extends CallContext {
  readonly requestId: string;
  /** The action's name. */
  readonly action: string;
  readonly payload: Payload;
  readonly execute: (payload: Payload, context: EffectContext) => Promise<Result> | Result;
  /** Default `side_effecting`. `irreversible` needs `input`. */
  readonly riskTier?: RiskTier;
  readonly input?: Schema<unknown, Payload>;
  readonly record?: (payload: Payload) => string;
  readonly volatile?: readonly string[];
  readonly downstreamKey?: { readonly lifetime: Duration; readonly margin?: Duration };
  readonly probe?: (payload: Payload, context: EffectContext) => Promise<ProbeAnswer<Result>> | ProbeAnswer<Result>;
  readonly settleDelay?: Duration;
  readonly timeout?: Duration;
  readonly retry?: {
    readonly maxAttempts?: number;
    readonly maxElapsed?: Duration;
    readonly base?: Duration;
    readonly cap?: Duration;
  };
  readonly noEffectOn?: readonly number[];
  readonly classify?: Classify;
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

/** Lists are capped unless the caller says otherwise. */
const DEFAULT_LIMIT = 100;

/**
 * Makes a guard over a store.
 *
 * @throws OnceguardError `invalid_option` | `duplicate_action`
 */
export function createGuard<const Actions extends readonly AnyAction[] = readonly []>(
  options: GuardOptions<Actions>,
): Guard<Actions> {
  const { store } = options;
  if (typeof store?.claim !== "function") {
    throw new OnceguardError(
      "invalid_option",
      'createGuard needs a store, such as sqliteStore({ path: "onceguard.db" }) from "onceguard/sqlite".',
      { option: "store" },
    );
  }
  const closing = new AbortController();
  const aborting = new AbortController();
  let released = false;
  const runtime = createRuntime(options, closing.signal, aborting.signal, () => released);
  const sweepMs = options.sweepEvery === false ? null : durationMs(options.sweepEvery ?? "5s", "sweepEvery");
  let stopSweeper: (() => void) | null = null;
  let closed: Promise<void> | null = null;

  async function ready(): Promise<void> {
    if (released) {
      throw new OnceguardError("store_unavailable", "The guard is closed. Make a new one.", { applied: "no" });
    }
    await runtime.ready();
    if (sweepMs !== null && !closing.signal.aborted) stopSweeper ??= startSweeper(runtime, sweepMs);
  }

  async function run(definition: AnyAction, input: unknown, context: CallContext): Promise<Outcome> {
    const valid = await propose(definition, input, runtime.limits);
    const waitMs = context.wait === undefined ? runtime.waitMs : durationMs(context.wait, "wait");
    const reason = deniedBecause(runtime, definition, valid.payload, context);
    if (!tierDemands(definition.riskTier).claim) {
      const requestId = context.requestId ?? runtime.randomness.token();
      return reason === null
        ? performSafe(runtime, definition, valid, requestId, context, waitMs)
        : { status: "denied", requestId, receipt: null, reason };
    }
    const identified = identify(definition, valid, context);
    const { tenant, requestId } = identified;
    if (reason !== null) return { status: "denied", requestId, receipt: null, reason };
    try {
      await ready();
    } catch (error) {
      if (isUnavailable(error)) return unavailable(runtime, requestId, error.message);
      throw error;
    }
    const action = withFingerprint(identified, runtime.hmac(tenant));
    return perform(runtime, action, { until: runtime.clock.monotonicMs() + waitMs, signal: context.signal });
  }

  function registered(name: string): AnyAction {
    const definition = runtime.actions.get(name);
    if (definition) return definition;
    throw new OnceguardError(
      "unknown_action",
      `There is no action "${name}". Known: ${[...runtime.actions.keys()].sort().join(", ") || "none"}.`,
      { action: name },
    );
  }

  async function reconcile(
    requestId?: string,
    at: { readonly tenant?: string } = {},
  ): Promise<Outcome | Reconciliation> {
    await ready();
    if (requestId === undefined) return reconcileDue(runtime);
    const receipt = await store.find(at.tenant ?? DEFAULT_TENANT, checkRequestId(requestId));
    if (receipt) return outcomeOf(await reconcileOne(runtime, receipt, true));
    throw new OnceguardError("receipt_not_found", `There is no receipt for request id "${requestId}".`, { requestId });
  }

  const guard = {
    execute: async (first: string | InlineCall<unknown, unknown>, payload?: unknown, context: CallContext = {}) =>
      typeof first === "string"
        ? run(registered(first), payload, context)
        : run(inlineAction(first), first.payload, first),
    wrap: (definition: AnyAction) => {
      const known = runtime.actions.get(definition.name);
      if (known === undefined) runtime.actions.set(definition.name, definition);
      else if (known !== definition) throw duplicate(definition.name);
      return (payload: unknown, context: CallContext = {}) => run(definition, payload, context);
    },
    receipt: async (requestId: string, at: { readonly tenant?: string } = {}) => {
      await ready();
      return store.find(at.tenant ?? DEFAULT_TENANT, checkRequestId(requestId));
    },
    receipts: async (query: Partial<ReceiptQuery> = {}) => {
      await ready();
      return store.list({ limit: DEFAULT_LIMIT, ...query });
    },
    reviews: async (query: Partial<ReceiptQuery> = {}) => {
      await ready();
      const waiting = await store.list({ limit: DEFAULT_LIMIT, ...query, states: ["review"] });
      return waiting.toSorted((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
    },
    log: async (requestId: string, at: { readonly tenant?: string } = {}) => {
      await ready();
      return store.log(at.tenant ?? DEFAULT_TENANT, requestId);
    },
    resolve: async (requestId: string, decision: Decision) => {
      await ready();
      return resolve(runtime, decision.tenant ?? DEFAULT_TENANT, requestId, decision);
    },
    reopen: async (requestId: string, by: Parameters<Guard["reopen"]>[1]) => {
      await ready();
      return reopen(runtime, by.tenant ?? DEFAULT_TENANT, requestId, by);
    },
    reconcile,
    close: () => {
      closed ??= close();
      return closed;
    },
  };

  async function close(): Promise<void> {
    closing.abort();
    stopSweeper?.();
    await within(runtime.graceMs, () => [...working(), ...runtime.late]);
    aborting.abort();
    // What was told to stop is being recorded as in doubt; an effect that never answers must not keep the process.
    await within(runtime.graceMs, working);
    released = true;
    await store.close();
  }

  function working(): Promise<unknown>[] {
    return [...runtime.background, ...[...runtime.inFlight.values()].map((flight) => flight.outcome)];
  }

  /** Until nothing of it is left (finished work may start some more), but not longer than `ms`. */
  async function within(ms: number, work: () => Promise<unknown>[]): Promise<void> {
    const done = new AbortController();
    const drain = async (): Promise<void> => {
      while (work().length > 0 && !done.signal.aborted) await Promise.allSettled(work());
      done.abort();
    };
    await Promise.race([drain(), runtime.clock.sleep(ms, done.signal)]);
    done.abort();
  }

  return guard as unknown as Guard<Actions>;
}

function createRuntime(
  options: GuardOptions,
  closing: AbortSignal,
  aborting: AbortSignal,
  isClosed: () => boolean,
): Runtime {
  const { store, clock = systemClock } = options;
  const leaseMs = durationMs(options.lease ?? "30s", "lease");
  const leaseMarginMs = durationMs(options.leaseMargin ?? leaseMs / 6, "leaseMargin");
  if (leaseMs < 100) throw invalidOption("lease", options.lease, "at least 100 ms");
  if (leaseMarginMs >= leaseMs) throw invalidOption("leaseMargin", options.leaseMargin, "shorter than the lease");
  const actions = new Map<string, AnyAction>();
  for (const definition of options.actions ?? []) {
    if (actions.has(definition.name)) throw duplicate(definition.name);
    actions.set(definition.name, definition);
  }
  const hmacs = new Map<string, ReturnType<typeof tenantHmac>>();
  const stops = new Set<() => void>();
  aborting.addEventListener("abort", () => {
    for (const stop of stops) stop();
  });
  let opening: Promise<void> | null = null;
  let secret: string | null = null;
  const runtime: Runtime = {
    store,
    clock,
    randomness: options.randomness ?? systemRandomness,
    limits: { ...DEFAULT_JSON_LIMITS, ...options.limits },
    policy: options.policy ?? null,
    actions,
    leases: new Leases(store, clock, leaseMs),
    inFlight: new Map(),
    unansweredClaims: new Map(),
    pending: new Map(),
    background: new Set(),
    late: new Set(),
    isClosed,
    leaseMs,
    leaseMarginMs,
    waitMs: durationMs(options.wait ?? "30s", "wait"),
    graceMs: durationMs(options.grace ?? "10s", "grace"),
    storeTimeoutMs: durationMs(options.storeTimeout ?? "2s", "storeTimeout"),
    maxResultBytes: options.maxResultBytes ?? 1_048_576,
    closing,
    aborting,
    onAbort: (stop) => {
      if (aborting.aborted) stop();
      stops.add(stop);
      return () => stops.delete(stop);
    },
    report: options.onBackgroundError ?? ((error) => process.emitWarning(error as Error)),
    ready: async () => {
      if (secret !== null) return;
      opening ??= persist(runtime, runtime.storeTimeoutMs, () => store.open())
        .then((info) => {
          secret = info.secret;
        })
        .finally(() => {
          opening = null;
        });
      await opening;
    },
    hmac: (tenant) => {
      if (secret === null) throw new Error("the store is not open");
      const known = hmacs.get(tenant);
      if (known) return known;
      if (hmacs.size >= MAX_CACHED_TENANTS) hmacs.clear();
      const made = tenantHmac(secret, tenant);
      hmacs.set(tenant, made);
      return made;
    },
  };
  return runtime;
}

/** Tenant keys are cheap to derive again; the cache only must not grow with the number of tenants. */
const MAX_CACHED_TENANTS = 10_000;

function inlineAction(call: InlineCall<unknown, unknown>): AnyAction {
  const { action, riskTier = "side_effecting", execute, ...rest } = call;
  const {
    requestId: _id,
    payload: _payload,
    tenant: _t,
    runId: _r,
    actor: _a,
    host: _h,
    wait: _w,
    signal: _s,
    ...options
  } = rest;
  return defineAction({ ...options, name: action, riskTier, execute });
}

/** Why the policy says no; null when it does not. */
function deniedBecause(
  runtime: Runtime,
  definition: AnyAction,
  payload: Parameters<GuardPolicy>[0]["payload"],
  context: CallContext,
): string | null {
  const verdict = runtime.policy?.({
    tenant: tenantOf(context),
    action: definition.name,
    riskTier: definition.riskTier,
    payload,
    recordId: definition.record ? String(definition.record(payload)) : null,
    runId: context.runId ?? null,
    actor: context.actor ?? null,
  });
  return verdict?.verdict === "deny" ? verdict.reason : null;
}

function duplicate(name: string): OnceguardError {
  return new OnceguardError(
    "duplicate_action",
    `Two actions are called "${name}". Names identify requests; choose another.`,
    {
      action: name,
    },
  );
}

function invalidOption(option: string, value: unknown, expected: string): OnceguardError {
  return new OnceguardError("invalid_option", `${option} is ${JSON.stringify(value)}; it must be ${expected}.`, {
    option,
    value,
  });
}
