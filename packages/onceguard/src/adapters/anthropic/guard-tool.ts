import type { CallContext } from "../../core/action.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { effectContext } from "../effect-context.ts";
import { guardedTool, type ToolRule } from "../guarded-tool.ts";
import { type ContextOption, callContext, requireIdentity, requireRule } from "../host-context.ts";
import { isNotDone } from "../model-answer.ts";
import type { InputOf, OutputOf, RunContext, RunnableTool } from "./host-tool.ts";

/** One call of a tool, as the runner tells it. */
export interface AnthropicToolCall {
  readonly name: string;
  readonly input: unknown;
  /** Of the model's `tool_use` block. Undefined when somebody else than a runner calls. */
  readonly toolUseId: string | undefined;
}

/** Options of `guardTool`. */
export interface GuardToolOptions {
  /** Whose calls these are: above all `scope`, the id under which you keep the conversation. The runner has none. */
  readonly context?: ContextOption<AnthropicToolCall>;
}

/**
 * A runnable tool under a guard: the effect of each call is made once. What the model gets in place of a result that there
 * is not is a JSON text that tells it what to do, and never an error: the runner would mark it as one, and the model would
 * try again.
 *
 * @throws OnceguardError `invalid_option` | `invalid_action` | `missing_identity`
 */
export function guardTool<Tool extends RunnableTool>(
  guard: Guard,
  tool: Tool,
  rule: ToolRule<InputOf<Tool>, OutputOf<Tool>> | "safe",
  { context }: GuardToolOptions = {},
): Tool {
  const name = nameOf(tool);
  const given = requireRule(name, rule);
  if (given === "safe") return tool;
  if (typeof context !== "function") requireIdentity(name, given, callContext(context, null, { callId: name }));
  const guarded = guardedTool<InputOf<Tool>, OutputOf<Tool>, RunContext | undefined>(
    guard,
    { name, execute: (input, run) => tool.run(input, { ...run, signal: effectContext().signal }) },
    given,
  );

  const identified = (call: AnthropicToolCall, signal: RunContext["signal"]): CallContext => {
    const said = callContext(context, call, { callId: call.toolUseId, signal });
    requireIdentity(name, given, said);
    return said;
  };
  const run = async (input: InputOf<Tool>, run?: RunContext): Promise<unknown> => {
    const said = identified({ name, input, toolUseId: run?.toolUse?.id }, run?.signal);
    const answer = await guarded.answer(input, run, said);
    return isNotDone(answer) ? JSON.stringify(answer) : answer;
  };
  return { ...tool, run };
}

/** @throws OnceguardError `invalid_option` */
function nameOf(tool: RunnableTool): string {
  const { name, run } = tool ?? {};
  if (typeof name === "string" && typeof run === "function") return name;
  throw new OnceguardError(
    "invalid_option",
    "guardTool takes a tool that the runner runs here: with a name and a run, such as betaZodTool makes.",
    { tool: name ?? null },
  );
}
