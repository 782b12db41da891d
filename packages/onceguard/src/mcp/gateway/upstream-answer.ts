import { effectError } from "../../core/failure.ts";
import type { JsonValue } from "../../core/json.ts";
import type { ToolRule } from "../../kinds/gateway-entries.ts";
import { textOfResult } from "../../kinds/tool-result.ts";
import type { RpcAnswer, RpcError } from "./json-rpc.ts";

/** The call was looked at and refused before any tool ran: not this method, not these arguments, not this client. */
const REFUSALS: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602, -32020, -32021, -32022]);
/** The person has to open a page first; then the host calls again. */
export const URL_ELICITATION_REQUIRED = -32042;

/** Refused for something that the host mends and then calls again: such a failure does not stand in its way. */
export const MENDABLE: ReadonlySet<string> = new Set([
  "mcp_32042",
  "mcp_unauthorized",
  "mcp_not_allowed",
  "mcp_no_session",
]);

/** Before the tool itself ran, in the words of the SDK's own server; believed of a trusted server only. */
const SDK_INPUT_ERROR = /^(?:MCP error -32602: )?Input validation error: /;

/** Longest text of an answer in which a rule's expression is looked for. */
const READ_CHARS = 20_000;

/** How a tool's answers are read. */
export interface Reading extends Pick<ToolRule, "noEffectOnError" | "noEffectWhen" | "failedWhen"> {
  readonly isTrusted: boolean;
}

/**
 * An upstream's answer to a tool call as what it proves: a result, or an error that says whether it may have happened.
 *
 * @throws an effect error
 */
export function resultOfCall(answer: RpcAnswer, tool: string, reading: Reading): JsonValue {
  if ("error" in answer) throw errorOf(answer.error, tool);
  const { result } = answer;
  const said = textOfResult(result).slice(0, READ_CHARS);
  if (result.isError !== true && !matches(reading.failedWhen, said)) return result as JsonValue;
  const { noEffectOnError = false, noEffectWhen, isTrusted } = reading;
  const message = `The tool "${tool}" answered with an error: ${said.slice(0, 500) || "no words"}`;
  const isRefusal = noEffectOnError || matches(noEffectWhen, said) || (isTrusted && SDK_INPUT_ERROR.test(said));
  throw effectError(
    isRefusal
      ? { certainty: "definite", tier: null, code: "mcp_tool_error", message }
      : { certainty: "indefinite", tier: "transient", code: "mcp_tool_error", message },
  );
}

function matches(expression: string | undefined, text: string): boolean {
  return expression !== undefined && new RegExp(expression, "u").test(text);
}

function errorOf({ code, message: said }: RpcError, tool: string): Error {
  const isRefused = REFUSALS.has(code) || code === URL_ELICITATION_REQUIRED;
  const message = `The MCP server ${isRefused ? "refused" : "failed"} the call of "${tool}": ${said.slice(0, 500)} (${code})`;
  return effectError(
    isRefused
      ? { certainty: "definite", tier: null, code: `mcp_${-code}`, message }
      : { certainty: "indefinite", tier: "transient", code: `mcp_${-code}`, message },
  );
}
