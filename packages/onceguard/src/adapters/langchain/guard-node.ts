import type { LangGraphRunnableConfig } from "@langchain/langgraph";
import type { Outcome } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { guardedTool, refusal, type ToolRule } from "../guarded-tool.ts";
import { callContext, requireIdentity } from "../host-context.ts";
import type { ModelAnswer } from "../model-answer.ts";
import { type LangChainOptions, settled, threadOf } from "./pause.ts";

/** A node of a graph whose work is one effect. */
export interface EffectNode<State, Input, Result, Update> {
  /** The action's name in receipts and halts. */
  readonly name: string;
  /** What the effect is made of: of a whole state, nobody could say whether it means the same. */
  readonly input: (state: State) => Input;
  readonly execute: (input: Input, config: LangGraphRunnableConfig) => Promise<Result> | Result;
  /** What the graph makes of the answer: the result, or why there is none. */
  readonly update: (answer: ModelAnswer<Result>, state: State) => Update;
}

/** One run of a node, as LangGraph tells it. */
export interface NodeCall<State> {
  readonly name: string;
  readonly state: State;
  readonly config: LangGraphRunnableConfig;
}

/**
 * A node whose effect happens once: a retry policy, a resumed graph and a replay from a checkpoint run the node again, and
 * not its effect.
 *
 * @throws OnceguardError `invalid_action` | `missing_identity`
 */
export function guardNode<State, Input, Result, Update>(
  guard: Guard,
  { name, input: inputOf, execute, update }: EffectNode<State, Input, Result, Update>,
  rule: ToolRule<Input, Result>,
  options: LangChainOptions<NodeCall<State>> = {},
): (state: State, config: LangGraphRunnableConfig) => Promise<Update> {
  if (typeof options.context !== "function") {
    requireIdentity(name, rule, callContext(options.context, null as never, { scope: "a thread", callId: name }));
  }
  const guarded = guardedTool<Input, Result, LangGraphRunnableConfig>(guard, { name, execute }, rule);
  return async (state, config) => {
    const call: NodeCall<State> = { name, state, config };
    // The same task for all attempts and resumptions of one step, and another one when the graph comes by again.
    const callId = config.configurable?.__pregel_task_id as string | undefined;
    const ids = { scope: threadOf(config), callId, signal: config.signal };
    const context = callContext(options.context, call, ids);
    requireIdentity(name, rule, context);
    const input = inputOf(state);
    const question = (outcome: Outcome) => ({ action: name, input, ...(guarded.tell(outcome as never) as object) });
    const run = () => guarded.run(input, config, context);
    return update(await told(() => settled(guard, run, question, call, options)), state);
  };

  async function told(run: () => Promise<Outcome<Result>>): Promise<ModelAnswer<Result>> {
    try {
      return guarded.tell(await run());
    } catch (error) {
      return refusal(error);
    }
  }
}
