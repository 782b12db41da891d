import type { Policy, Verdict } from "../../core/policy.ts";
import type { ToolRules } from "../../kinds/gateway-entries.ts";
import { actionName } from "./tool-action.ts";
import { ruleFor } from "./tool-rule.ts";

/** The rules' `approval` as a policy, beside one that there may be already: the stricter answer counts. */
export function approvalPolicy(server: string, rules: readonly ToolRules[], other?: Policy): Policy {
  return (question) => {
    const said = other?.(question);
    if (said !== undefined && said?.verdict !== "allow") return said;
    return approvalNeeded(server, question.action, rules) ?? { verdict: "allow" };
  };
}

function approvalNeeded(server: string, action: string, rules: readonly ToolRules[]): Verdict | null {
  const tool = toolOf(server, action, rules);
  const approval = tool === null ? undefined : ruleFor(tool, rules)?.approval;
  if (approval === undefined || approval === false) return null;
  return { verdict: "review", reason: approval === true ? `calls of ${tool} need approval` : approval };
}

/** A tool whose name is no action's name is found by the rule that has it. */
function toolOf(server: string, action: string, rules: readonly ToolRules[]): string | null {
  const named = rules.flatMap(Object.keys).find((tool) => actionName(server, tool) === action);
  if (named !== undefined) return named;
  return action.startsWith(`${server}/`) ? action.slice(server.length + 1) : null;
}
