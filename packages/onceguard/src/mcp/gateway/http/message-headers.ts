import { isObject, type JsonObject, objectAt } from "../json-rpc.ts";
import type { UpstreamTool } from "../upstream-tools.ts";

/** The parameter by which a message is about something named (SEP-2243, and SEP-2663 for tasks). */
const NAMED_BY: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

/** What HTTP repeats of a message since 2026-07-28, so that whatever is on the way can see it. */
export function messageHeaders(method: string, params: JsonObject, tool?: UpstreamTool): Record<string, string> {
  const by = Object.hasOwn(NAMED_BY, method) ? NAMED_BY[method] : undefined;
  const name = by === undefined ? undefined : params[by];
  return {
    "mcp-method": method,
    ...(typeof name === "string" && { "mcp-name": headerValue(name) }),
    ...(method === "tools/call" && paramHeaders(tool?.inputSchema, params.arguments)),
  };
}

/** Arguments that the tool's schema wants repeated: `x-mcp-header`, at any depth of plain objects. */
function paramHeaders(schema: JsonObject | undefined, given: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [key, property] of Object.entries(objectAt(schema, "properties") ?? {})) {
    const value = isObject(given) ? given[key] : undefined;
    if (!isObject(property) || value === undefined || value === null) continue;
    const header = property["x-mcp-header"];
    if (typeof header === "string" && /^[\w!#$%&'*+.^`|~-]+$/.test(header)) {
      if (["string", "number", "boolean"].includes(typeof value)) {
        headers[`mcp-param-${header.toLowerCase()}`] = headerValue(String(value));
      }
    } else Object.assign(headers, paramHeaders(property, value));
  }
  return headers;
}

/** Plain where a header can carry it; otherwise wrapped as the specification says. */
function headerValue(text: string): string {
  const isPlain =
    text !== "" && text === text.trim() && /^[\t\x20-\x7e]*$/.test(text) && !/^=\?base64\?.*\?=$/.test(text);
  return isPlain ? text : `=?base64?${Buffer.from(text).toString("base64")}?=`;
}
