import type { IncomingHttpHeaders } from "node:http";
import { isObject, type JsonObject, objectAt, type RpcError } from "../json-rpc.ts";
import type { UpstreamTool } from "../upstream-tool.ts";

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

const HEADER_MISMATCH = -32020;

/**
 * What is between host and server decides by the headers, and the server by the message: a request in which they
 * disagree is refused before anything is claimed for it, as the server itself would do.
 */
export function headerMismatch(
  headers: IncomingHttpHeaders,
  method: string,
  params: JsonObject,
  tool: UpstreamTool | undefined,
): RpcError | null {
  const version = objectAt(params, "_meta")?.["io.modelcontextprotocol/protocolVersion"];
  const expected = { "mcp-protocol-version": String(version), ...messageHeaders(method, params, tool) };
  for (const [name, value] of Object.entries(expected)) {
    const given = headers[name];
    if (typeof given === "string" && plainValue(given) !== null && plainValue(given) === plainValue(value)) continue;
    const problem = given === undefined ? "is missing" : "does not match the message";
    return { code: HEADER_MISMATCH, message: `Header mismatch: ${name} ${problem}. Nothing was done.` };
  }
  // A value that stands in the headers only.
  const extra = Object.keys(headers).find((name) => name.startsWith("mcp-param-") && !Object.hasOwn(expected, name));
  const isDeclared = extra !== undefined && declares(tool?.inputSchema, extra);
  if (!isDeclared) return null;
  return { code: HEADER_MISMATCH, message: `Header mismatch: ${extra} is not in the message. Nothing was done.` };
}

function declares(schema: JsonObject | undefined, header: string): boolean {
  return Object.values(objectAt(schema, "properties") ?? {}).some((property) => {
    if (!isObject(property)) return false;
    const named = property["x-mcp-header"];
    return (typeof named === "string" && `mcp-param-${named.toLowerCase()}` === header) || declares(property, header);
  });
}

/** What a header says; null when it is wrapped and cannot be unwrapped. */
function plainValue(header: string): string | null {
  const wrapped = /^=\?base64\?(.*)\?=$/.exec(header)?.[1];
  if (wrapped === undefined) return header;
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(wrapped);
  return isBase64 ? Buffer.from(wrapped, "base64").toString("utf8") : null;
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
