import type { CallToolResult } from "@modelcontextprotocol/server";
import { outcomeOf } from "../../core/outcome.ts";
import { answerOf, resultOf } from "./answer.ts";
import { OUTCOME, object, REQUEST_ID } from "./schemas.ts";
import type { GuardTool, ToolCall } from "./tool.ts";

export const getReceipt: GuardTool = {
  tool: {
    name: "get_receipt",
    title: "What became of it",
    description:
      "Tells what is known of an earlier request: done, under way, waiting for a person, uncertain. Never executes anything, so ask as often as you like, but wait retry_after_ms in between.",
    inputSchema: object({ request_id: REQUEST_ID }, ["request_id"]),
    outputSchema: OUTCOME,
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  run: (call: ToolCall<{ request_id: string }>) => run(call),
};

async function run({ arguments: { request_id: requestId }, runtime }: ToolCall<{ request_id: string }>): Promise<CallToolResult> {
  const receipt = await runtime.guard.receipt(requestId, { tenant: runtime.principal.tenant });
  if (receipt) return answerOf(runtime, outcomeOf(receipt));
  const next =
    "No request with this id is known here, so nothing was sent under it. If you called safe_execute, look at the request_id in its answer.";
  return resultOf({ status: "not_found", request_id: requestId, next });
}
