import type { ToolRule, ToolRules } from "../../../kinds/gateway-entries.ts";

/** The same rule for several tools. */
export function alike(rule: ToolRule, tools: readonly string[]): ToolRules {
  return Object.fromEntries(tools.map((tool) => [tool, rule]));
}

/** Changes nothing, and is asked again each time. */
export const READS: ToolRule = { riskTier: "safe" };

/**
 * Says how something shall be. Once more is no harm by itself, and after a change by somebody else it is meant: so only
 * what follows shortly counts as a repetition of a call whose answer was lost.
 */
export const SETS: ToolRule = { riskTier: "side_effecting", window: "5m" };

/** Makes something new each time that it is called. */
export const MAKES: ToolRule = { riskTier: "side_effecting" };
