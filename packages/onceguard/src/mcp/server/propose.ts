import type { CallToolResult } from "@modelcontextprotocol/server";
import { type Outcome, outcomeOf } from "../../core/outcome.ts";
import { checkRecord } from "../../pipeline/check-record.ts";
import type { Proposed } from "../../pipeline/intake.ts";
import { shortReceiptOnWire } from "../../wire/outcome-wire.ts";
import { invalid, resultOf } from "./answer.ts";
import { type CallArguments, contextOf, payloadOf } from "./call.ts";
import { CALL_PROPERTIES, object, PROPOSAL } from "./schemas.ts";
import type { GuardTool, ToolCall } from "./tool.ts";
import { nextWords } from "./words.ts";

export const propose: GuardTool = {
  tool: {
    name: "propose",
    title: "Check it without doing it",
    description:
      "Checks a call of safe_execute without executing anything: whether it fits, what its request id is, whether rules allow it, and whether it was done already. " +
      "If a person has to approve it, it is put before that person now. Takes the same arguments as safe_execute.",
    inputSchema: object(CALL_PROPERTIES, ["action"]),
    outputSchema: PROPOSAL,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  run: (call: ToolCall<CallArguments>) => run(call),
};

async function run(call: ToolCall<CallArguments>): Promise<CallToolResult> {
  const { arguments: given, runtime } = call;
  if (runtime.external.has(given.action)) {
    return invalid(`"${given.action}" is done by the host itself: claim says whether it may be.`, "unknown_action");
  }
  await checkRecord(runtime.actions.get(given.action), given);
  const proposed = await runtime.guard.propose(given.action as never, payloadOf(given) as never, contextOf(call));
  const { verdict, reasons, requestId, receipt } = proposed;
  const known: Outcome | null = receipt === null ? null : outcomeOf(receipt);
  const status = statusOf(proposed, known);
  return resultOf({
    status,
    request_id: requestId,
    verdict,
    reasons,
    ...(receipt && { receipt: shortReceiptOnWire(receipt) }),
    next: wordsOf(status, known),
  });
}

function statusOf({ verdict }: Proposed, known: Outcome | null): string {
  if (verdict === "mismatch" || verdict === "halted") return verdict;
  if (known?.status === "held") return "held";
  if (known !== null) return "known";
  return verdict === "deny" ? "denied" : "proposed";
}

function wordsOf(status: string, known: Outcome | null): string {
  switch (status) {
    case "proposed":
      return "Nothing was done. Call safe_execute with exactly the same arguments to do it.";
    case "denied":
      return "Nothing was done, and it would be refused. Do not do it in any other way. Tell your user the reasons.";
    case "mismatch":
      return "This request id already stands for another payload or action. A new intent needs a new request_id.";
    case "halted":
      return "A person has stopped this, or a limit was reached. Stop, and tell your user.";
    default:
      return known === null ? "" : `It is known already. ${nextWords(known)}`;
  }
}
