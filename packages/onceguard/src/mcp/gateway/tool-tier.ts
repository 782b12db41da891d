import type { RiskTier } from "../../core/policy.ts";
import type { ToolRule } from "../../kinds/gateway-entries.ts";
import type { UpstreamTool } from "./upstream-tool.ts";

/**
 * How much guarding a tool needs: what the operator's rule says; without one, what the server itself says, if the
 * operator trusts it by name; otherwise the most. What a stranger says of itself is no reason to guard less.
 */
export function tierOf(rule: ToolRule | null, tool: UpstreamTool | undefined, isTrusted: boolean): RiskTier {
  if (rule?.riskTier) return rule.riskTier;
  if (!isTrusted || !tool?.annotations) return "irreversible";
  // The defaults of the specification: not read-only, and destructive.
  const { readOnlyHint = false, destructiveHint = true } = tool.annotations;
  // What a person has to approve goes through the guard, whatever it is.
  if (readOnlyHint === true) return rule?.approval ? "side_effecting" : "safe";
  return destructiveHint === false ? "side_effecting" : "irreversible";
}
