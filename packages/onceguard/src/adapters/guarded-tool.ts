import { AsyncLocalStorage } from "node:async_hooks";
import { type ActionOptions, type CallContext, defineAction, type Schema } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Guard } from "../pipeline/guard.ts";
import type { Proposed } from "../pipeline/intake.ts";
import type { Ways } from "../wire/outcome-words.ts";
import { asEffect } from "./effect-context.ts";
import { type ModelAnswer, modelAnswer, type NotDone } from "./model-answer.ts";

/**
 * What is said of a tool besides what its host knows: how dangerous it is, what names the intent, how a doubt is
 * settled. The options of an action, which the tool's own code and schema complete.
 */
export type ToolRule<Input, Result> = Omit<
  ActionOptions<string, unknown, Input, Result>,
  "name" | "input" | "execute" | "transaction"
> & {
  /** The action's name in receipts and halts. Default: the tool's. */
  readonly action?: string;
};

/** A tool of a host: its name, and its own code, which gets what the host gives along with a call. */
export interface HostTool<Input, Result, Call> {
  readonly name: string;
  readonly execute: (input: Input, call: Call) => Promise<Result> | Result;
}

export interface GuardedTool<Input, Result, Call> {
  /** Makes the effect of this call once. `call` is handed to the tool's own code. */
  run(input: Input, call: Call, context: CallContext): Promise<Outcome<Result>>;
  /** The same, in what a model is told. */
  answer(input: Input, call: Call, context: CallContext): Promise<ModelAnswer<Result>>;
  /** What rules and policy say to this call; nothing is executed. What needs approval is recorded as held. */
  propose(input: Input, context: CallContext): Promise<Proposed>;
  /** What a model is told of an outcome of this tool. */
  tell(outcome: Outcome<Result>): ModelAnswer<Result>;
}

/** What the host gave along with the call whose effect is being made. One for all tools: in Node 22 each costs for good. */
const hostCall = new AsyncLocalStorage<unknown>();

/** Hosts check the input by the tool's own schema before they call it; what they hand on is what is hashed. */
const checkedByHost: Schema<unknown, never> = {
  "~standard": { version: 1, vendor: "onceguard", validate: (value) => ({ value: value as never }) },
};

/**
 * A host's tool under a guard. Only its callers carry it on: its code needs what its host gives along. So it is not
 * registered, and may be made anew for every request that a server answers.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action`
 */
export function guardedTool<Input, Result, Call>(
  guard: Guard,
  tool: HostTool<Input, Result, Call>,
  rule: ToolRule<Input, Result>,
): GuardedTool<Input, Result, Call> {
  const { action = tool.name, ...options } = rule;
  const definition = defineAction<string, Result, Input, Input>({
    ...options,
    name: action,
    input: checkedByHost as Schema<Input, Input>,
    execute: (payload, effect) => asEffect(effect, () => tool.execute(payload, hostCall.getStore() as Call)),
  });
  const execute = guard.wrap(definition, { register: false });
  const ways: Ways = {
    goesOnAlone: false,
    sameCallAsks: options.key !== undefined || options.keyFields !== undefined,
    keyArgument: null,
  };
  const tell = (outcome: Outcome<Result>): ModelAnswer<Result> => modelAnswer(outcome, ways);
  const run = (input: Input, call: Call, context: CallContext): Promise<Outcome<Result>> =>
    hostCall.run(call, () => execute(input, context));
  return {
    run,
    propose: (input, context) => guard.propose(definition, input, context),
    tell,
    answer: async (input, call, context) => {
      try {
        return tell(await run(input, call, context));
      } catch (error) {
        return refusal(error);
      }
    },
  };
}

/**
 * A call that does not fit (its payload is not JSON, or lacks a key field) is the model's to correct, and nothing was
 * sent. All else is the program's mistake, and thrown.
 */
export function refusal(error: unknown): NotDone {
  const isCalls = error instanceof OnceguardError && /^(?:payload_|missing_key_field$)/.test(error.code);
  if (!isCalls) throw error;
  const { code } = error;
  return {
    status: "invalid",
    request_id: null,
    code,
    message: `Nothing was sent. ${error.message} Correct the input.`,
  };
}
