import type { RunContext, ToolExecuteArgument, ToolInputParameters, ToolOptions } from "@openai/agents";
import type { CallContext } from "../../core/action.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { effectContext } from "../effect-context.ts";
import { guardedTool, refusal, type ToolRule } from "../guarded-tool.ts";
import { decideFromHost, waitsForApproval } from "../host-approval.ts";
import { callContext, requireIdentity, requireRule } from "../host-context.ts";
import type { Details, GuardableTool, GuardToolOptions, OpenAIToolCall } from "./options.ts";

interface Call<Context> {
  readonly runContext: RunContext<Context>;
  readonly details: Details | undefined;
}

/**
 * A tool whose effect happens once: hand what it returns to the SDK's `tool`.
 *
 * It takes what `tool` takes, and not what `tool` returns: a finished tool turns its own errors into a text for the model
 * ("Please try again."), and nobody outside can tell that from a result.
 *
 * @throws OnceguardError `invalid_option` | `invalid_action` | `missing_identity`
 */
export function guardTool<Parameters extends ToolInputParameters, Context = unknown, Result = unknown>(
  guard: Guard,
  tool: GuardableTool<Parameters, Context, Result>,
  rule: ToolRule<ToolExecuteArgument<Parameters>, Result> | "safe",
  options: GuardToolOptions<Context> = {},
): ToolOptions<Parameters, Context> {
  const given = requireRule(tool?.name, rule);
  if (given === "safe") return tool as unknown as ToolOptions<Parameters, Context>;
  checkTool(tool);
  const { execute, timeoutMs, errorFunction, needsApproval, ...rest } = tool;
  const { name } = tool;
  if (typeof options.context !== "function") {
    requireIdentity(name, given, callContext(options.context, null as never, { callId: name }));
  }
  const guarded = guardedTool<ToolExecuteArgument<Parameters>, Result, Call<Context>>(
    guard,
    { name, execute: (input, { runContext, details }) => execute(input, runContext, withSignal(details)) },
    timeoutMs === undefined ? given : { timeout: timeoutMs, ...given },
  );
  const mistakes = new WeakSet<object>();

  const contextOf = (call: OpenAIToolCall<Context>, signal?: AbortSignal): CallContext => {
    const context = callContext(options.context, call, { callId: call.callId, signal });
    requireIdentity(name, given, context);
    return context;
  };

  async function answer(call: OpenAIToolCall<Context>, details: Details | undefined): Promise<unknown> {
    const input = call.input as ToolExecuteArgument<Parameters>;
    const context = contextOf(call, details?.signal);
    const run = () => guarded.run(input, { runContext: call.runContext, details }, context);
    try {
      let outcome = await run();
      if (waitsForApproval(outcome) && isApproved(call)) {
        const said = { approve: true, reason: `approved in the run (${call.callId})` };
        if (await decideFromHost(guard, outcome, options.approver, call, said)) outcome = await run();
      }
      return guarded.tell(outcome);
    } catch (error) {
      return refusal(error);
    }
  }

  return {
    ...rest,
    execute: async (input: unknown, runContext: RunContext<Context>, details?: Details) => {
      try {
        return await answer({ name, input, callId: details?.toolCall?.callId, runContext }, details);
      } catch (error) {
        if (error instanceof Object) mistakes.add(error);
        throw error;
      }
    },
    needsApproval: async (runContext: RunContext, input: ToolExecuteArgument<Parameters>, callId?: string) => {
      const own = typeof needsApproval === "function" ? needsApproval(runContext, input, callId) : needsApproval;
      if (await own) return true;
      try {
        const call = { name, input, callId, runContext: runContext as RunContext<Context> };
        const { verdict, receipt } = await guarded.propose(input, contextOf(call));
        return verdict === "review" && receipt?.state === "held" && receipt.hold?.approval === null;
      } catch {
        return false; // the call itself meets the same trouble, and says it in words
      }
    },
    // The default says "please try again", whatever the error. Only one kind comes here: input that does not fit.
    errorFunction: (runContext: RunContext<Context>, error: unknown, details?: Details) => {
      if (error instanceof Object && mistakes.has(error)) throw error;
      return errorFunction ? errorFunction(runContext, error, details) : UNFIT;
    },
  } as unknown as ToolOptions<Parameters, Context>;
}

const UNFIT =
  "Nothing was sent: the arguments do not fit this tool's parameters. Correct them; if you cannot, tell your user.";

/** Whether somebody said yes to this very call in the run's state. */
function isApproved<Context>({ runContext, name, callId }: OpenAIToolCall<Context>): boolean {
  return callId !== undefined && runContext.isToolApproved({ toolName: name, callId }) === true;
}

/** The run's own signal ends the wait and not the effect: the tool's code gets the one of the attempt. */
function withSignal(details: Details = {}): Details {
  const { signal } = effectContext();
  const { signal: _runs, ...rest } = Object.getOwnPropertyDescriptors(details);
  return Object.create(Object.prototype, { ...rest, signal: { value: signal, enumerable: true } });
}

/** @throws OnceguardError `invalid_option` */
function checkTool(tool: object): void {
  const { name, invoke, execute, outputSchema } = tool as Record<string, unknown>;
  const wrong = (problem: string): never => {
    throw new OnceguardError("invalid_option", `Tool ${JSON.stringify(name)}: ${problem}.`, { tool: name });
  };
  if (typeof invoke === "function") wrong("guardTool takes what tool() takes, and not what it returns");
  if (typeof name !== "string" || typeof execute !== "function") wrong("guardTool needs its name and its execute");
  if (outputSchema !== undefined) wrong("what a model is told of a doubt fits no outputSchema; leave it out");
}
