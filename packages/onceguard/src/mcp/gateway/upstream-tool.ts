import { isObject, type JsonObject } from "./json-rpc.ts";

/** A tool as the upstream lists it, as far as the gateway reads it. */
export interface UpstreamTool {
  readonly name: string;
  readonly annotations?: { readonly readOnlyHint?: unknown; readonly destructiveHint?: unknown };
  readonly inputSchema?: JsonObject;
  readonly outputSchema?: JsonObject;
}

export function toolsIn(result: JsonObject): UpstreamTool[] {
  const { tools } = result;
  if (!Array.isArray(tools)) return [];
  return tools.filter((tool): tool is UpstreamTool & JsonObject => isObject(tool) && typeof tool.name === "string");
}
