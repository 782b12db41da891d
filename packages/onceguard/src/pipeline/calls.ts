import { type AnyAction, type CallContext, defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import { duplicate } from "./create-runtime.ts";
import { enqueueRequest } from "./enqueue.ts";
import type { InlineCall, WrapOptions } from "./guard.ts";
import { withFingerprint } from "./identify.ts";
import { type Intake, intake, type Proposed, proposeRequest } from "./intake.ts";
import { propose } from "./propose.ts";
import { denied, runCall } from "./run-call.ts";
import type { Runtime } from "./runtime.ts";
import { logCall } from "./side-log.ts";

/** The calls that bring a payload along: executed, proposed, or left to a sweeper. As `Guard` types them for its actions. */
export interface Calls {
  execute(first: string | InlineCall<unknown, unknown>, payload?: unknown, context?: CallContext): Promise<Outcome>;
  wrap(definition: AnyAction, options?: WrapOptions): (payload: unknown, context?: CallContext) => Promise<Outcome>;
  propose(name: string, payload: unknown, context?: CallContext): Promise<Proposed>;
  enqueue(name: string, payload: unknown, context?: CallContext): Promise<Outcome>;
}

export function calls(runtime: Runtime, ready: () => Promise<void>): Calls {
  const run = (definition: AnyAction, input: unknown, context: CallContext): Promise<Outcome> =>
    runCall(runtime, ready, definition, input, context);

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
      const proposed = withFingerprint(identified, runtime.hmac(identified.tenant));
      const answer = await proposeRequest(runtime, proposed, judgement);
      logCall(runtime, proposed, "proposed", { verdict: answer.verdict, reasons: answer.reasons });
      return answer;
    },

    enqueue: async (name, payload, context = {}) => {
      const { identified, judgement } = await take(name, payload, context);
      if (judgement.verdict === "deny") return denied(runtime, ready, identified, judgement);
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
    traceId: _i,
    cause: _c,
    wait: _w,
    signal: _s,
    expected: _e,
    tx: _x,
    ...options
  } = rest;
  return defineAction({ ...options, name: action, riskTier, execute });
}
