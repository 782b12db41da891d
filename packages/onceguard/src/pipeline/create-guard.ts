import { type AnyAction, type CallContext, defineAction } from "../core/action.ts";
import { durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import { type Outcome, outcomeOf } from "../core/outcome.ts";
import { tierDemands } from "../core/policy.ts";
import type { HaltQuery, ReceiptQuery } from "../core/ports.ts";
import type { FinalityPolicy } from "../core/finality.ts";
import type { HaltScope } from "../core/halt.ts";
import { checkRequestId } from "../core/request-id.ts";
import { type ApprovalGrant, approve, type Denial, deny } from "./approve.ts";
import { createRuntime, duplicate } from "./create-runtime.ts";
import { requireReason } from "./decide.ts";
import { guardCase } from "./finality.ts";
import type { By, Guard, GuardOptions, InlineCall } from "./guard.ts";
import { DEFAULT_TENANT, tenantOf, withFingerprint } from "./identify.ts";
import { deniedBy, intake, type Proposed, proposeRequest, startOf } from "./intake.ts";
import { amountOf, judgeProposal } from "./judge-request.ts";
import { perform, unavailable } from "./perform.ts";
import { performSafe } from "./perform-safe.ts";
import { enqueueRequest } from "./enqueue.ts";
import { haltScope, resumeScope } from "./halt-scope.ts";
import { isUnavailable } from "./persist.ts";
import { goOn } from "./runtime.ts";
import { propose, type ValidPayload } from "./propose.ts";
import { type Reconciliation, reconcileDue, reconcileOne, startSweeper } from "./reconcile.ts";
import { expire, type Retention } from "./retention.ts";
import { type Restoration, restore } from "./restore.ts";
import { type Decision, reopen, resolve } from "./review.ts";
import { recordSpilled } from "./spill.ts";
import { type GivenEvidence, takeEvidence } from "./take-evidence.ts";
import { tellPeople } from "./tell-people.ts";

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
  let started = false;
  const runtime = createRuntime(options, closing.signal, aborting.signal, () => released);
  const sweepMs = options.sweepEvery === false ? null : durationMs(options.sweepEvery ?? "5s", "sweepEvery");
  let stopSweeper: (() => void) | null = null;
  let closed: Promise<void> | null = null;

  async function ready(): Promise<void> {
    if (released) {
      throw new OnceguardError("store_unavailable", "The guard is closed. Make a new one.", { applied: "no" });
    }
    await runtime.ready();
    if (!started) {
      started = true;
      // Nothing waits for it: what a call asks about meanwhile is still honestly in doubt.
      goOn(runtime, runtime.background, recordSpilled(runtime));
    }
    if (sweepMs !== null && !closing.signal.aborted) stopSweeper ??= startSweeper(runtime, sweepMs);
  }

  async function run(definition: AnyAction, input: unknown, context: CallContext): Promise<Outcome> {
    const valid = await propose(definition, input, runtime.limits);
    const waitMs = context.wait === undefined ? runtime.waitMs : durationMs(context.wait, "wait");
    if (!tierDemands(definition.riskTier).claim) return runSafe(definition, valid, context, waitMs);
    const { identified, judgement } = intake(runtime, definition, valid, context);
    const { tenant, requestId } = identified;
    if (judgement.verdict === "deny") return deniedBy(requestId, judgement.reasons.join("; "));
    requireTransaction(definition, context);
    try {
      await ready();
      const action = withFingerprint(identified, runtime.hmac(tenant));
      const start = startOf(runtime, action, judgement);
      const until = runtime.clock.monotonicMs() + waitMs;
      return await perform(runtime, action, start, { until, signal: context.signal });
    } catch (error) {
      if (isUnavailable(error)) return unavailable(runtime, requestId, error.message);
      throw error;
    }
  }

  /** There is nothing to hold a safe action in: what would need a person is refused. */
  async function runSafe(
    definition: AnyAction,
    valid: ValidPayload,
    context: CallContext,
    waitMs: number,
  ): Promise<Outcome> {
    const requestId = context.requestId ?? runtime.randomness.token();
    const judgement = judgeProposal(runtime, definition, valid.payload, {
      tenant: tenantOf(context),
      recordId: definition.record ? String(definition.record(valid.payload)) : null,
      runId: context.runId ?? null,
      actor: context.actor ?? null,
      amount: amountOf(definition, valid.payload),
    });
    return judgement.verdict === "allow"
      ? performSafe(runtime, definition, valid, requestId, context, waitMs)
      : deniedBy(requestId, judgement.reasons.join("; "));
  }

  async function propose_(name: string, payload: unknown, context: CallContext): Promise<Proposed> {
    const definition = registered(name);
    const valid = await propose(definition, payload, runtime.limits);
    const { identified, judgement } = intake(runtime, definition, valid, context);
    await ready();
    return proposeRequest(runtime, withFingerprint(identified, runtime.hmac(identified.tenant)), judgement);
  }

  async function enqueue(name: string, payload: unknown, context: CallContext): Promise<Outcome> {
    const definition = registered(name);
    const valid = await propose(definition, payload, runtime.limits);
    const { identified, judgement } = intake(runtime, definition, valid, context);
    if (judgement.verdict === "deny") return deniedBy(identified.requestId, judgement.reasons.join("; "));
    await ready();
    const action = withFingerprint(identified, runtime.hmac(identified.tenant));
    return enqueueRequest(runtime, action, judgement);
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
    if (requestId === undefined) {
      const pass = await reconcileDue(runtime);
      await tellPeople(runtime);
      return pass;
    }
    const receipt = await store.find(at.tenant ?? DEFAULT_TENANT, checkRequestId(requestId));
    if (receipt) return outcomeOf(await reconcileOne(runtime, receipt, true));
    throw new OnceguardError("receipt_not_found", `There is no receipt for request id "${requestId}".`, { requestId });
  }

  const guard = {
    execute: async (first: string | InlineCall<unknown, unknown>, payload?: unknown, context: CallContext = {}) =>
      typeof first === "string"
        ? run(registered(first), payload, context)
        : run(inlineAction(first), first.payload, first),
    propose: (name: string, payload: unknown, context: CallContext = {}) => propose_(name, payload, context),
    enqueue: (name: string, payload: unknown, context: CallContext = {}) => enqueue(name, payload, context),
    approve: async (requestId: string, grant: ApprovalGrant) => {
      await ready();
      return approve(runtime, grant.tenant ?? DEFAULT_TENANT, requestId, grant);
    },
    deny: async (requestId: string, denial: Denial) => {
      await ready();
      return deny(runtime, denial.tenant ?? DEFAULT_TENANT, requestId, denial);
    },
    evidence: async (requestId: string, given: GivenEvidence) => {
      await ready();
      return takeEvidence(runtime, given.tenant ?? DEFAULT_TENANT, requestId, given);
    },
    halt: async (scope: HaltScope, id: string, by: By) => {
      await ready();
      return haltScope(runtime, scope, id, by);
    },
    resume: async (scope: HaltScope, id: string, by: By) => {
      await ready();
      return resumeScope(runtime, scope, id, by);
    },
    halts: async (query: Partial<HaltQuery> = {}) => {
      await ready();
      return store.halts({ limit: DEFAULT_LIMIT, ...query });
    },
    case: (id: string, at: { readonly tenant?: string; readonly policy?: Partial<FinalityPolicy> } = {}) =>
      guardCase(runtime, ready, at.tenant ?? DEFAULT_TENANT, id, at.policy),
    expire: async (retention: Retention) => {
      await ready();
      return expire(runtime, retention);
    },
    restore: async (restoration: Restoration) => {
      await ready();
      return restore(runtime, restoration);
    },
    endRestore: async (by: { readonly actor: string; readonly reason: string }) => {
      requireReason(by.actor, by.reason);
      await ready();
      return store.endEpoch(by);
    },
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
    tellPeople: async () => {
      await ready();
      await tellPeople(runtime);
    },
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
    expected: _e,
    tx: _x,
    ...options
  } = rest;
  return defineAction({ ...options, name: action, riskTier, execute });
}

/** A transaction of the caller's can only take in an effect that is in it. @throws OnceguardError `transaction_unsupported` */
function requireTransaction(definition: AnyAction, context: CallContext): void {
  if (context.tx === undefined || definition.transaction) return;
  throw new OnceguardError(
    "transaction_unsupported",
    `Action "${definition.name}" reaches outside the database, so it cannot be part of your transaction. Use guard.enqueue: it is executed after you commit.`,
    { action: definition.name },
  );
}
