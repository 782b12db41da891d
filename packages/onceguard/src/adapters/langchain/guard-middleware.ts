import { ToolMessage } from "@langchain/core/messages";
import type { AgentMiddleware } from "langchain";
import type { Outcome } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import type { ToolRule } from "../guarded-tool.ts";
import { requireRule } from "../host-context.ts";
import { guardTool, type LangChainCall, type LangChainTool, type Seen, seenFromOutside } from "./guard-tool.ts";
import { type LangChainOptions, settled } from "./pause.ts";

/** What is said of each tool, by its name: a rule, or that it may run any number of times. */
// biome-ignore lint/suspicious/noExplicitAny: a middleware does not know the tools of its agent
export type MiddlewareRules = Readonly<Record<string, ToolRule<any, any> | "safe">>;

type WrapToolCall = Exclude<AgentMiddleware["wrapToolCall"], undefined>;
type WrapModelCall = Exclude<AgentMiddleware["wrapModelCall"], undefined>;

/** By this symbol LangChain knows its middleware: made here, so that LangGraph alone is enough to load this file. */
const BRAND = Symbol.for("AgentMiddleware");

/**
 * Guards the tools of an agent. Put it first in `middleware`: what it throws to pause the graph would be swallowed by
 * `toolRetryMiddleware` around it. What that retries inside of it is the guarded tool, which never fails.
 *
 * A tool that has no rule fails the run with OnceguardError `invalid_option`, before a model hears of it.
 */
export function guardMiddleware(
  guard: Guard,
  rules: MiddlewareRules,
  options: LangChainOptions<LangChainCall> = {},
): AgentMiddleware {
  const guarded = new WeakMap<object, LangChainTool>();
  const guardedOf = (tool: LangChainTool): LangChainTool => {
    const known = guarded.get(tool);
    if (known) return known;
    const made = guardTool(guard, tool, requireRule(tool.name, rules[tool.name]) as never, options);
    guarded.set(tool, made);
    return made;
  };
  const wrapToolCall: WrapToolCall = async (request, handler) => {
    const { tool, toolCall, runtime } = request;
    if (tool === undefined) return noSuchTool(toolCall);
    const guardedTool = guardedOf(tool as LangChainTool);
    if (guardedTool === tool) return handler(request);
    const call: LangChainCall = { name: toolCall.name, input: toolCall.args, callId: toolCall.id, config: runtime };
    const guardedRequest = { ...request, tool: guardedTool as typeof tool };
    let seen: Seen = {};
    let answer: Awaited<ReturnType<WrapToolCall>> | undefined;
    const run = async (): Promise<Outcome | undefined> => {
      seen = {};
      answer = await seenFromOutside.run(seen, () => handler(guardedRequest));
      return seen.outcome;
    };
    await settled(guard, run, () => seen.question, call, options);
    return answer as NonNullable<typeof answer>;
  };
  const wrapModelCall: WrapModelCall = (request, handler) => {
    // What a provider runs by itself has nothing to be called here.
    const ours = request.tools.filter((tool) => typeof (tool as Partial<LangChainTool>).invoke === "function");
    for (const tool of ours as LangChainTool[]) guardedOf(tool);
    return handler(request);
  };
  return { [BRAND]: true, name: "OnceguardMiddleware", wrapToolCall, wrapModelCall } as unknown as AgentMiddleware;
}

/** Told here, so that no middleware further inside can put a tool there that nobody guards. */
function noSuchTool({ name, id }: { readonly name: string; readonly id?: string }): ToolMessage {
  return new ToolMessage({
    content: `Error: ${name} is not a valid tool.`,
    tool_call_id: id ?? "",
    name,
    status: "error",
  });
}
