import type { CallToolResult } from "@modelcontextprotocol/client";
import { type AnyAction, defineAction, type EffectContext, type ProbeAnswer } from "../core/action.ts";
import { effectError, messageOf } from "../core/failure.ts";
import type { JsonValue } from "../core/json.ts";
import { checkKeys, describedOptions, invalid } from "./described.ts";
import type { McpEntry } from "./entries.ts";
import { happenedWhen, isAnswerPath } from "./happened-when.ts";
import { fieldsInTemplate, filled, mentionsKey } from "./template.ts";
import { dataOfResult, textOfResult } from "./tool-result.ts";
import type { Upstreams } from "./upstreams.ts";

const OWN = ["server", "tool", "arguments", "idempotencyArgument", "noEffectOnError", "probe"];

/** The guard says when an attempt has taken too long; the SDK's own limit must not come first. */
const NEVER_MS = 2_147_000_000;

/**
 * An action of kind `mcp`: a tool of an upstream MCP server.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `unknown_provider`
 */
export function mcpAction(entry: McpEntry, upstreams: Upstreams): AnyAction {
  const { name, server, tool, probe, idempotencyArgument } = entry;
  checkKeys(entry, OWN);
  upstreams.check(name, server);
  if (typeof tool !== "string" || tool === "") throw invalid(name, "it names no `tool`");
  if (probe && (typeof probe.tool !== "string" || !isAnswerPath(probe.happenedWhen))) {
    throw invalid(name, 'its probe needs `tool` and `happenedWhen`, a path such as "messages[0]"');
  }
  if (entry.downstreamKey && !idempotencyArgument && !mentionsKey(entry.arguments ?? null)) {
    throw invalid(name, "it has a downstreamKey and sends no key: name `idempotencyArgument`, or use {idempotencyKey}");
  }
  const templates = [fieldsInTemplate(entry.arguments ?? null), fieldsInTemplate(probe?.arguments ?? null)];
  const needs = { text: templates.flatMap(({ text }) => text), whole: templates.flatMap(({ whole }) => whole) };
  return defineAction<string, JsonValue, unknown, JsonValue>({
    ...describedOptions(entry, needs),
    ...(probe && { probe: (payload, context) => ask(entry, upstreams, payload, context) }),
    execute: async (payload, context) => {
      const given = entry.arguments === undefined ? payload : filled(entry.arguments, payload, context);
      const key = idempotencyArgument === undefined ? {} : { [idempotencyArgument]: context.idempotencyKey };
      const result = await callTool(upstreams, server, tool, { ...(given as object), ...key }, context);
      if (result.isError) throw toolError(entry, result);
      return resultOf(result);
    },
  });
}

async function callTool(
  upstreams: Upstreams,
  server: string,
  tool: string,
  given: Record<string, unknown>,
  { signal }: EffectContext,
): Promise<CallToolResult> {
  const client = await upstreams.connected(server);
  try {
    return (await client.callTool({ name: tool, arguments: given }, { signal, timeout: NEVER_MS })) as CallToolResult;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // No such method, or arguments that do not fit: the call was looked at, and refused.
    if (code === -32601 || code === -32602) {
      const message = `The MCP server refused the call: ${messageOf(error)}`;
      throw effectError({ certainty: "definite", tier: "validation", code: `mcp_${-code}`, message }, { cause: error });
    }
    throw error;
  }
}

/** An error result says that something went wrong, and not that nothing was done. */
function toolError({ tool, noEffectOnError = false }: McpEntry, result: CallToolResult): Error {
  const said = textOfResult(result).slice(0, 500) || "no words";
  const message = `The tool "${tool}" answered with an error: ${said}`;
  return effectError(
    noEffectOnError
      ? { certainty: "definite", tier: null, code: "mcp_tool_error", message }
      : { certainty: "indefinite", tier: "transient", code: "mcp_tool_error", message },
  );
}

async function ask(
  { server, probe, ...entry }: McpEntry,
  upstreams: Upstreams,
  payload: JsonValue,
  context: EffectContext,
): Promise<ProbeAnswer<JsonValue>> {
  if (!probe) return { answer: "cannot_tell" };
  try {
    const given = probe.arguments === undefined ? payload : filled(probe.arguments, payload, context);
    const result = await callTool(upstreams, server, probe.tool, { ...(given as object) }, context);
    if (result.isError) return { answer: "cannot_tell" };
    const said = dataOfResult(result);
    const answer = said === undefined ? "cannot_tell" : happenedWhen(said, probe.happenedWhen);
    return answer === "happened"
      ? { answer, result: { from: `${server}/${entry.tool} probe`, found: said as JsonValue } }
      : { answer };
  } catch {
    return { answer: "cannot_tell" };
  }
}

/** As the upstream gave it, so that a replay is the same to the last block. */
function resultOf({ content, structuredContent }: CallToolResult): JsonValue {
  return { content, ...(structuredContent !== undefined && { structuredContent }) } as unknown as JsonValue;
}
