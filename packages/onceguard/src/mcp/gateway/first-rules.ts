import type { ToolRule } from "../../kinds/gateway-entries.ts";
import { isObject, objectAt } from "./json-rpc.ts";
import { tierOf } from "./tool-tier.ts";
import type { UpstreamTool } from "./upstream-tool.ts";

/** Arguments whose names say that they name something. */
const NAMES_SOMETHING =
  /(?:^|_)(?:id|key|number|no|path|uri|url|name|email|slug|ref|reference|sku|order|invoice)$|(?:Id|Key|Number|Path|Uri|Url|Name|Ref)$/;

/**
 * A rules file to begin with: the tier that each tool claims for itself, for the operator to read before it counts. Which
 * fields name an effect is not guessed: a wrong guess would take a second intent for a repetition of the first.
 */
export function firstRules(tools: readonly UpstreamTool[]): { tools: Record<string, ToolRule> } {
  return { tools: Object.fromEntries(tools.map((tool) => [tool.name, { riskTier: tierOf(null, tool, true) }])) };
}

/** The arguments that are always there, are one plain value, and may name the effect: for the operator to choose from. */
export function keyCandidates({ inputSchema }: UpstreamTool): string[] {
  const properties = objectAt(inputSchema, "properties") ?? {};
  const required = inputSchema?.required;
  return (Array.isArray(required) ? required : []).filter((name): name is string => {
    const schema = typeof name === "string" ? properties[name] : undefined;
    const isPlain = isObject(schema) && ["string", "integer", "number"].includes(String(schema.type));
    return isPlain && NAMES_SOMETHING.test(name);
  });
}
