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

async function run({
  arguments: { request_id: requestId },
  runtime,
}: ToolCall<{ request_id: string }>): Promise<CallToolResult> {
  const receipt = await runtime.guard.receipt(requestId, { tenant: runtime.principal.tenant });
  if (receipt) return answerOf(runtime, outcomeOf(receipt));
  const next =
    "No request with this id is recorded here; actions of tier safe never are. If you called safe_execute, use the request_id of its answer; if there was no answer, call it again with exactly the same arguments.";
  return resultOf({ status: "not_found", request_id: requestId, next });
}
