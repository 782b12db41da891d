import type { ToolRule, ToolRules } from "../../../kinds/gateway-entries.ts";

/** The same rule for several tools. */
export function alike(rule: ToolRule, tools: readonly string[]): ToolRules {
  return Object.fromEntries(tools.map((tool) => [tool, rule]));
}

/** The arguments do not fit the tool's schema, in the words of the SDK's own servers: the tool did not run. */
export const INPUT_ERROR = "^(?:MCP error -32602: )?Input validation error: ";

/** Changes nothing, and is asked again each time. */
export const READS: ToolRule = { riskTier: "safe" };

/**
 * Says how something shall be. Once more is no harm by itself, and after a change in between it is meant (on, off, on):
 * so only what follows at once counts as a repetition of a call whose answer was lost.
 */
export const SETS: ToolRule = { riskTier: "side_effecting", window: "1m" };

/** Makes something new each time that it is called. */
export const MAKES: ToolRule = { riskTier: "side_effecting" };
