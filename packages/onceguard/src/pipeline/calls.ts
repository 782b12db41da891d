import { type AnyAction, type CallContext, defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import { isCarriedOnByCallersOnly } from "./compensation.ts";
import { duplicate } from "./create-runtime.ts";
import { enqueueRequest } from "./enqueue.ts";
import type { InlineCall, WrapOptions } from "./guard.ts";
import { type Intake, intake, type Proposed, proposeRequest } from "./intake.ts";
import { propose } from "./propose.ts";
import { denied, runCall } from "./run-call.ts";
import type { Runtime } from "./runtime.ts";
import { logCall } from "./side-log.ts";
import { underKey } from "./under-key.ts";
import { endingOfOutcome, endingOfProposal, watchIfTold } from "./watch.ts";

/** The calls that bring a payload along: executed, proposed, or left to a sweeper. As `Guard` types them for its actions. */
export interface Calls {
  execute(first: string | InlineCall<unknown, unknown>, payload?: unknown, context?: CallContext): Promise<Outcome>;
  wrap(definition: AnyAction, options?: WrapOptions): (payload: unknown, context?: CallContext) => Promise<Outcome>;
  propose(action: string | AnyAction, payload: unknown, context?: CallContext): Promise<Proposed>;
  enqueue(name: string, payload: unknown, context?: CallContext): Promise<Outcome>;
}

export function calls(runtime: Runtime, ready: () => Promise<void>): Calls {
  const run = (definition: AnyAction, input: unknown, context: CallContext): Promise<Outcome> =>
    runCall(runtime, ready, definition, input, context);

  async function take(definition: AnyAction, payload: unknown, context: CallContext): Promise<Intake> {
    return intake(runtime, definition, await propose(definition, payload, runtime.limits), context);
  }

  return {
    // Not async: that would be one more promise for each of very many callers who wait.
    execute: (first, payload, context = {}) => {
      try {
        return typeof first === "string"
          ? run(registered(runtime, first), payload, context)
          : run(inlineAction(first), first.payload, first);
      } catch (error) {
        return Promise.reject(error);
      }
    },

    wrap: (definition, { register = true } = {}) => {
      const { name } = definition;
      const known = runtime.actions.get(name);
      if (known !== undefined && known !== definition) throw duplicate(name);
      if (register === true) runtime.actions.set(name, definition);
      if (register === "settle") runtime.settledOnly.set(name, definition);
      return (payload, context = {}) => run(definition, payload, context);
    },

    propose: async (action, payload, context = {}) => {
      const definition = typeof action === "string" ? registered(runtime, action) : action;
      const work = async (traced: CallContext): Promise<Proposed> => {
        const { identified, judgement } = await take(definition, payload, traced);
        await ready();
        const proposed = await underKey(runtime, identified);
        const answer = await proposeRequest(runtime, proposed, judgement);
        logCall(runtime, proposed, "proposed", { verdict: answer.verdict, reasons: answer.reasons });
        return answer;
      };
      return watchIfTold(runtime, "propose", definition, context, work, endingOfProposal);
    },

    enqueue: async (name, payload, context = {}) => {
      const definition = registered(runtime, name);
      requireSweeper(definition);
      const work = async (traced: CallContext): Promise<Outcome> => {
        const { identified, judgement } = await take(definition, payload, traced);
        if (judgement.verdict === "deny") return denied(runtime, ready, identified, judgement);
        await ready();
        return enqueueRequest(runtime, await underKey(runtime, identified), judgement);
      };
      return watchIfTold(runtime, "enqueue", definition, context, work, endingOfOutcome);
    },
  };
}

/** @throws OnceguardError `invalid_option` */
function requireSweeper(definition: AnyAction): void {
  if (!isCarriedOnByCallersOnly(definition)) return;
  throw new OnceguardError(
    "invalid_option",
    `Action "${definition.name}" redacts fields, so nobody but its caller can carry it out; it cannot be enqueued. Encrypt what is needed later.`,
    { option: "privacy.redact", action: definition.name },
  );
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
