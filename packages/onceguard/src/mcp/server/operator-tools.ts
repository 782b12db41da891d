import type { CallToolResult } from "@modelcontextprotocol/server";
import { outcomeOf } from "../../core/outcome.ts";
import type { Receipt } from "../../core/receipt.ts";
import { receiptOnWire } from "../../wire/wire.ts";
import { answerOf, resultOf } from "./answer.ts";
import { answer, OUTCOME, object, REQUEST_ID } from "./schemas.ts";
import type { GuardTool, ToolCall } from "./tool.ts";

interface ResolveArguments {
  readonly request_id: string;
  readonly decision: "approve" | "deny" | "happened" | "did_not_happen" | "retry";
  readonly reason: string;
  readonly expected_version: number;
}

const listReviews: GuardTool = {
  tool: {
    name: "list_reviews",
    title: "What waits for a person",
    description: "For operators: the requests that wait for a decision or an approval, longest waiting first.",
    inputSchema: object({}, []),
    outputSchema: answer({ reviews: { type: "array", items: { type: "object" } } }, ["reviews"]),
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  run: async ({ runtime: { guard, principal } }: ToolCall): Promise<CallToolResult> => {
    const { tenant } = principal;
    const open = await guard.reviews({ tenant });
    const held = await guard.receipts({ tenant, states: ["held"] });
    const approvals = held.filter(({ hold }) => hold?.waitsFor === "approval" && hold.approval === null);
    return resultOf({ reviews: [...open, ...approvals].map(receiptOnWire) });
  },
};

const resolveReview: GuardTool = {
  tool: {
    name: "resolve_review",
    title: "Decide",
    description:
      "For operators: records a person's decision. `approve` or `deny` what is held; for what is in review or in doubt, `happened`, `did_not_happen`, " +
      "or `retry` (it did not happen, and is to be executed again). Decide only on what you have seen outside, and say in `reason` what that was.",
    inputSchema: object(
      {
        request_id: REQUEST_ID,
        decision: { enum: ["approve", "deny", "happened", "did_not_happen", "retry"] },
        reason: { type: "string", minLength: 1, description: "What was seen, and where. Kept in the log." },
        expected_version: { type: "integer", minimum: 1, description: "The `version` of the receipt you decide on." },
      },
      ["request_id", "decision", "reason", "expected_version"],
    ),
    outputSchema: OUTCOME,
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  },
  run: async (call: ToolCall<ResolveArguments>) => answerOf(call.runtime, outcomeOf(await decide(call))),
};

function decide({ arguments: given, runtime: { guard, principal } }: ToolCall<ResolveArguments>): Promise<Receipt> {
  const { request_id: requestId, decision, reason, expected_version: expectedVersion } = given;
  const by = { actor: principal.name, reason, expectedVersion, tenant: principal.tenant };
  if (decision === "approve") return guard.approve(requestId, by);
  if (decision === "deny") return guard.deny(requestId, by);
  return guard.resolve(requestId, { ...by, decision });
}

/** Only with `operator`, and only for a principal who is one: a model must not decide about its own doubts. */
export const operatorTools: readonly GuardTool[] = [listReviews, resolveReview];
