import { type AnyAction, type CallContext, defineAction } from "../core/action.ts";
import { durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import { type Outcome, outcomeOf } from "../core/outcome.ts";
import { tierDemands } from "../core/policy.ts";
import type { ReceiptQuery } from "../core/ports.ts";
import { checkRequestId } from "../core/request-id.ts";
import { createRuntime, duplicate } from "./create-runtime.ts";
import type { Guard, GuardOptions, InlineCall } from "./guard.ts";
import { DEFAULT_TENANT, identify, tenantOf, withFingerprint } from "./identify.ts";
import { perform, unavailable } from "./perform.ts";
import { performSafe } from "./perform-safe.ts";
import { isUnavailable } from "./persist.ts";
import { propose } from "./propose.ts";
import { type Reconciliation, reconcileDue, reconcileOne, startSweeper } from "./reconcile.ts";
import { type Decision, reopen, resolve } from "./review.ts";
import type { GuardPolicy, Runtime } from "./runtime.ts";

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
      return store.list({ limit: DEFAULT_LIMIT, ...query, states: ["review"], order: "longest_due" });
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
