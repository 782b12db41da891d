import type { Guard } from "../../pipeline/guard.ts";
import { requireRule } from "../host-context.ts";
import { guardTool, type LangChainCall, type LangChainTool, type RuleOf } from "./guard-tool.ts";
import type { LangChainOptions } from "./pause.ts";

/** What is said of each tool, by its name: a rule, or that it may run any number of times. */
export type ToolRules<Tools extends readonly LangChainTool[]> = {
  readonly [Tool in Tools[number] as Tool["name"]]: RuleOf<Tool>;
};

/**
 * `guardTool` for all tools of a graph.
 *
 * @throws OnceguardError `invalid_option` (a tool without a rule) | `invalid_action`
 */
export function guardTools<const Tools extends readonly LangChainTool[]>(
  guard: Guard,
  tools: Tools,
  rules: ToolRules<Tools>,
  options: LangChainOptions<LangChainCall> = {},
): { -readonly [Index in keyof Tools]: Tools[Index] } {
  const ruleOf = (name: string) => requireRule(name, (rules as Readonly<Record<string, object | "safe">>)[name]);
  return tools.map((tool) => guardTool(guard, tool, ruleOf(tool.name) as never, options)) as never;
}
