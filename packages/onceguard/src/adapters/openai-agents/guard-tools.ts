import type { ToolExecuteArgument } from "@openai/agents";
import type { Guard } from "../../pipeline/guard.ts";
import type { ToolRule } from "../guarded-tool.ts";
import { requireRule } from "../host-context.ts";
import { guardTool } from "./guard-tool.ts";
import type { GuardableTool, GuardToolOptions } from "./options.ts";

// biome-ignore lint/suspicious/noExplicitAny: any tool, whatever its parameters
type AnyTool = Pick<GuardableTool<any, any, any>, "name" | "parameters" | "execute">;

type InputOf<Tool extends AnyTool> = ToolExecuteArgument<Tool["parameters"]>;
type ResultOf<Tool extends AnyTool> = Awaited<ReturnType<Tool["execute"]>>;

/** What is said of each tool, by its name: a rule, or that it may run any number of times. */
export type ToolRules<Tools extends readonly AnyTool[]> = {
  readonly [Tool in Tools[number] as Tool["name"]]: ToolRule<InputOf<Tool>, ResultOf<Tool>> | "safe";
};

/**
 * `guardTool` for all tools of an agent: hand each of what it returns to the SDK's `tool`.
 *
 * @throws OnceguardError `invalid_option` (a tool without a rule) | `invalid_action` | `missing_identity`
 */
export function guardTools<const Tools extends readonly AnyTool[]>(
  guard: Guard,
  tools: Tools,
  rules: ToolRules<Tools>,
  options: GuardToolOptions = {},
): { -readonly [Index in keyof Tools]: Tools[Index] } {
  const ruleOf = (name: string) => requireRule(name, (rules as Record<string, ToolRule<never, never> | "safe">)[name]);
  return tools.map((tool) => guardTool(guard, tool as never, ruleOf(tool.name) as never, options)) as never;
}
