import type { CallContext } from "../../core/action.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { Outcome } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { effectContext } from "../effect-context.ts";
import { guardedTool, refusal, type ToolRule } from "../guarded-tool.ts";
import { waitsForApproval } from "../host-approval.ts";
import { callContext, requireIdentity } from "../host-context.ts";
import type { ModelAnswer } from "../model-answer.ts";
import { consent } from "./consent.ts";
import { finalValue, isStreaming, type Preview, previewing } from "./final-value.ts";
import type { AiOptions, AiTool } from "./host-tool.ts";
import { besidesOurs, orOurs } from "./not-done-output.ts";
import type { AiToolCall, GuardToolsOptions } from "./options.ts";
import { besidesOwn, judging, keepVerdict } from "./tool-approval.ts";

interface HostCall {
  readonly options: AiOptions;
  readonly preview: Preview;
}

const NOBODY_LOOKS: Preview = () => undefined;

/** One tool under a guard, with everything that the SDK reads of a tool. */
export function guardedAiTool(
  guard: Guard,
  name: string,
  tool: AiTool,
  rule: ToolRule<unknown, unknown>,
  { context, approver }: GuardToolsOptions,
): AiTool {
  const { execute, toModelOutput, outputSchema } = tool;
  if (typeof execute !== "function") {
    throw new OnceguardError(
      "invalid_option",
      `The tool "${name}" has a rule and no execute, so nothing of it runs here. Guard it where it runs, and say "safe" here.`,
      { option: "rules", tool: name },
    );
  }
  if (typeof context !== "function") requireIdentity(name, rule, callContext(context, null, { callId: name }));
  const guarded = guardedTool<unknown, unknown, HostCall>(
    guard,
    {
      name,
      // The guard says when an attempt has taken too long. The host's own timeouts only end its wait.
      execute: (input, { options, preview }) =>
        finalValue(execute.call(tool, input, { ...options, abortSignal: effectContext().signal }), preview),
    },
    rule,
  );

  const identified = (call: AiToolCall, signal?: AbortSignal): CallContext => {
    const said = callContext(context, call, { callId: call.toolCallId, signal });
    requireIdentity(name, rule, said);
    return said;
  };
  const run = async (input: unknown, options: AiOptions, preview: Preview): Promise<Outcome> => {
    const call = callOf(name, input, options);
    const said = identified(call, options.abortSignal);
    const outcome = await guarded.run(input, { options, preview }, said);
    const isGiven = waitsForApproval(outcome) && (await consent(guard, outcome, call, approver));
    return isGiven ? guarded.run(input, { options, preview }, said) : outcome;
  };
  const answer = async (input: unknown, options: AiOptions, preview: Preview): Promise<ModelAnswer<unknown>> => {
    try {
      return guarded.tell(await run(input, options, preview));
    } catch (error) {
      return refusal(error);
    }
  };
  const judged = judging(async (input, options) => {
    if (rule.riskTier === "safe") return null;
    return guarded.propose(input, identified(callOf(name, input, options)));
  });
  const verdict = besidesOwn(tool, judged);
  const wrapped: AiTool = {
    ...tool,
    execute: isStreaming(execute)
      ? (input, options) => previewing((preview) => answer(input, options, preview))
      : (input, options) => answer(input, options, NOBODY_LOOKS),
    ...(toModelOutput && { toModelOutput: besidesOurs(tool, toModelOutput) }),
    ...(outputSchema !== undefined && { outputSchema: orOurs(outputSchema) }),
    // AI SDK 6 knows no `toolApproval`.
    ...(approver !== undefined && {
      needsApproval: async (input: unknown, options: AiOptions) =>
        (await verdict(input, options))?.type === "user-approval",
    }),
  };
  keepVerdict(wrapped, verdict);
  return wrapped;
}

function callOf(toolName: string, input: unknown, options: AiOptions): AiToolCall {
  const { toolCallId, messages } = options;
  const context = options.context ?? options.toolContext ?? options.experimental_context;
  return { toolName, toolCallId, input, messages, context };
}
