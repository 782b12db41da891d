import type { CallContext } from "../../core/action.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { Outcome } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { effectContext } from "../effect-context.ts";
import { guardedTool, refusal, type ToolRule } from "../guarded-tool.ts";
import { type Approver, decideFromHost, waitsForApproval } from "../host-approval.ts";
import { type ContextOption, callContext, requireIdentity, requireRule } from "../host-context.ts";
import { AskedCalls, keepGate } from "./gate.ts";
import { type AgentTool, fitting, type HandlerExtra, type InputOf, type OutputOf, toolUseIdOf } from "./host-tool.ts";
import { doneOrThrown, toldAsResult } from "./tool-result.ts";

/** One call of a tool, as the SDK tells it. */
export interface AgentToolCall {
  readonly name: string;
  readonly input: unknown;
  /** Claude Code's id of the call. Undefined when somebody else calls. */
  readonly toolUseId: string | undefined;
}

/** What a tool's effect is: an action's fields, without what the tool itself says. */
export type AgentToolRule<Input, Result> = ToolRule<Input, Result> & {
  /** The tool's `isError: true` means that certainly nothing was done. Default: it leaves a doubt. */
  readonly noEffectOnError?: boolean;
};

/** Options of `guardTool`. */
export interface GuardToolOptions {
  /** Whose calls these are. Claude's call ids are unique by themselves; give a `scope` where another model's are not. */
  readonly context?: ContextOption<AgentToolCall>;
  /**
   * In whose name the host's user consents: a call that `guardHook` has asked about, and that Claude Code then makes,
   * counts as approved by `guard.approve`. Default: it does not, and a person approves in the guard's own places.
   */
  readonly approver?: Approver<AgentToolCall>;
}

/** Where a program gives none: that of all calls that Claude Code makes. */
const SCOPE = "claude-code";

/**
 * A tool of an MCP server in this process (`createSdkMcpServer`) under a guard: the effect of each call is made once. What
 * the model gets in place of a result that there is not is a result that tells it what to do.
 *
 * @throws OnceguardError `invalid_option` | `invalid_action` | `missing_identity`
 */
export function guardTool<Tool extends AgentTool>(
  guard: Guard,
  tool: Tool,
  rule: AgentToolRule<InputOf<Tool>, OutputOf<Tool>> | "safe",
  { context, approver }: GuardToolOptions = {},
): Tool {
  const name = nameOf(tool);
  const given = requireRule(name, rule);
  if (given === "safe") {
    keepGate(tool, null);
    return tool;
  }
  const { noEffectOnError = false, ...options } = given as AgentToolRule<unknown, unknown>;
  const contextOf = (call: AgentToolCall, signal?: AbortSignal): CallContext => {
    // Without an id the scope of all calls would make one intent of whatever has the same content.
    const scope = call.toolUseId === undefined ? undefined : SCOPE;
    const said = callContext(context, call, { scope, callId: call.toolUseId, signal });
    requireIdentity(name, options, said);
    return said;
  };
  if (typeof context !== "function") contextOf({ name, input: null, toolUseId: name });
  const guarded = guardedTool<unknown, unknown, HandlerExtra | undefined>(
    guard,
    {
      name,
      execute: async (input, extra) => {
        const result = await tool.handler(input, { ...extra, signal: effectContext().signal });
        return doneOrThrown(name, result, noEffectOnError);
      },
    },
    options,
  );
  const asked = new AskedCalls();

  const run = async (input: unknown, extra: HandlerExtra | undefined): Promise<Outcome> => {
    const call = { name, input, toolUseId: toolUseIdOf(extra) };
    const said = contextOf(call, extra?.signal);
    const outcome = await guarded.run(input, extra, said);
    if (!waitsForApproval(outcome) || !asked.has(call.toolUseId)) return outcome;
    const yes = { approve: true, reason: `allowed in Claude Code (${call.toolUseId})` };
    return (await decideFromHost(guard, outcome, approver, call, yes)) ? guarded.run(input, extra, said) : outcome;
  };
  const handler = async (input: unknown, extra?: HandlerExtra): Promise<unknown> => {
    try {
      return toldAsResult(guarded.tell(await run(input, extra)));
    } catch (error) {
      return toldAsResult(refusal(error));
    }
  };
  const wrapped = { ...tool, handler };
  keepGate(wrapped, {
    asks: (toolUseId) => asked.add(toolUseId),
    propose: async (args, toolUseId) => {
      const input = options.riskTier === "safe" ? null : await fitting(tool.inputSchema, args);
      return input && guarded.propose(input, contextOf({ name, input, toolUseId }));
    },
  });
  return wrapped;
}

/** @throws OnceguardError `invalid_option` */
function nameOf(tool: AgentTool): string {
  const { name, handler } = tool ?? {};
  if (typeof name === "string" && typeof handler === "function") return name;
  throw new OnceguardError("invalid_option", "guardTool takes what tool() of the Agent SDK makes.", {
    tool: name ?? null,
  });
}
