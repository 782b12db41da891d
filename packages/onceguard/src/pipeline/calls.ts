import { type AnyAction, type CallContext, defineAction } from "../core/action.ts";
import { durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import { tierDemands } from "../core/policy.ts";
import { duplicate } from "./create-runtime.ts";
import { enqueueRequest } from "./enqueue.ts";
import type { InlineCall, WrapOptions } from "./guard.ts";
import { tenantOf, withFingerprint } from "./identify.ts";
import { deniedBy, type Intake, intake, type Proposed, proposeRequest, startOf } from "./intake.ts";
import { amountOf, judgeProposal } from "./judge-request.ts";
import { perform, unavailable } from "./perform.ts";
import { performSafe } from "./perform-safe.ts";
import { isUnavailable } from "./persist.ts";
import { propose, type ValidPayload } from "./propose.ts";
import type { Runtime } from "./runtime.ts";

/** The calls that bring a payload along: executed, proposed, or left to a sweeper. As `Guard` types them for its actions. */
export interface Calls {
  execute(first: string | InlineCall<unknown, unknown>, payload?: unknown, context?: CallContext): Promise<Outcome>;
  wrap(definition: AnyAction, options?: WrapOptions): (payload: unknown, context?: CallContext) => Promise<Outcome>;
  propose(name: string, payload: unknown, context?: CallContext): Promise<Proposed>;
  enqueue(name: string, payload: unknown, context?: CallContext): Promise<Outcome>;
}

export function calls(runtime: Runtime, ready: () => Promise<void>): Calls {
  async function run(definition: AnyAction, input: unknown, context: CallContext): Promise<Outcome> {
    const valid = await propose(definition, input, runtime.limits);
    const waitMs = context.wait === undefined ? runtime.waitMs : durationMs(context.wait, "wait");
    if (!tierDemands(definition.riskTier).claim) return runSafe(runtime, definition, valid, context, waitMs);
    const { identified, judgement } = intake(runtime, definition, valid, context);
    if (judgement.verdict === "deny") return deniedBy(identified.requestId, judgement.reasons.join("; "));
    requireTransaction(definition, context);
    try {
      await ready();
      const action = withFingerprint(identified, runtime.hmac(identified.tenant));
      const until = runtime.clock.monotonicMs() + waitMs;
      return await perform(runtime, action, startOf(runtime, action, judgement), { until, signal: context.signal });
    } catch (error) {
      // Not into the middle of the caller's transaction: it would be committed without what it asked for.
      if (isUnavailable(error) && context.tx === undefined)
        return unavailable(runtime, identified.requestId, error.message);
      throw error;
    }
  }

  /** For verbs that take registered actions only. */
  async function take(name: string, payload: unknown, context: CallContext): Promise<Intake> {
    const definition = registered(runtime, name);
    return intake(runtime, definition, await propose(definition, payload, runtime.limits), context);
  }

  return {
    execute: async (first, payload, context = {}) =>
      typeof first === "string"
        ? run(registered(runtime, first), payload, context)
        : run(inlineAction(first), first.payload, first),

    wrap: (definition, { register = true } = {}) => {
      const known = runtime.actions.get(definition.name);
      if (known === undefined && register) runtime.actions.set(definition.name, definition);
      else if (known !== undefined && known !== definition) throw duplicate(definition.name);
      return (payload, context = {}) => run(definition, payload, context);
    },

    propose: async (name, payload, context = {}) => {
      const { identified, judgement } = await take(name, payload, context);
      await ready();
      return proposeRequest(runtime, withFingerprint(identified, runtime.hmac(identified.tenant)), judgement);
    },

    enqueue: async (name, payload, context = {}) => {
      const { identified, judgement } = await take(name, payload, context);
      if (judgement.verdict === "deny") return deniedBy(identified.requestId, judgement.reasons.join("; "));
      await ready();
      return enqueueRequest(runtime, withFingerprint(identified, runtime.hmac(identified.tenant)), judgement);
    },
  };
}

function registered(runtime: Runtime, name: string): AnyAction {
  const definition = runtime.actions.get(name);
  if (definition) return definition;
  throw new OnceguardError(
    "unknown_action",
    `There is no action "${name}". Known: ${[...runtime.actions.keys()].sort().join(", ") || "none"}.`,
    { action: name },
  );
}

/** There is nothing to hold a safe action in: what would need a person is refused. */
function runSafe(
  runtime: Runtime,
  definition: AnyAction,
  valid: ValidPayload,
  context: CallContext,
  waitMs: number,
): Outcome | Promise<Outcome> {
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

function inlineAction(call: InlineCall<unknown, unknown>): AnyAction {
  const { action, riskTier = "side_effecting", execute, ...rest } = call;
  const {
    requestId: _id,
    payload: _payload,
    tenant: _t,
    runId: _r,
    actor: _a,
    host: _h,
    contentScope: _o,
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
