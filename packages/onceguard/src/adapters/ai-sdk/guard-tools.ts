import { OnceguardError } from "../../core/errors.ts";
import type { Guard } from "../../pipeline/guard.ts";
import type { ToolRule } from "../guarded-tool.ts";
import { requireRule } from "../host-context.ts";
import { guardedAiTool } from "./guarded-ai-tool.ts";
import type { AiTools } from "./host-tool.ts";
import type { GuardedTools, GuardToolsOptions, ToolRules } from "./options.ts";

/**
 * A `ToolSet` under a guard: the effect of each call is made once, and what a model gets in place of a result that there is
 * not is a value that tells it what to do.
 *
 * @throws OnceguardError `invalid_option` for a tool without a rule | `missing_identity` | `invalid_action`
 */
export function guardTools<Tools extends AiTools, const Rules extends ToolRules<Tools>>(
  guard: Guard,
  tools: Tools,
  rules: Rules,
  options: GuardToolsOptions = {},
): GuardedTools<Tools, Rules> {
  const stray = Object.keys(rules).find((name) => !Object.hasOwn(tools, name));
  if (stray !== undefined) {
    const known = Object.keys(tools).join(", ");
    throw new OnceguardError(
      "invalid_option",
      `There is a rule for "${stray}", which is no tool here. Tools: ${known}.`,
      {
        option: "rules",
        tool: stray,
      },
    );
  }
  const guarded = Object.entries(tools).map(([name, tool]) => {
    const rule = requireRule(name, rules[name]);
    return [
      name,
      rule === "safe" ? tool : guardedAiTool(guard, name, tool, rule as ToolRule<unknown, unknown>, options),
    ];
  });
  return Object.fromEntries(guarded) as GuardedTools<Tools, Rules>;
}
