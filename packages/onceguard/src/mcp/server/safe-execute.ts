import { type CallToolResult, type InputRequiredResult, isInputRequiredResult } from "@modelcontextprotocol/server";
import type { CallContext } from "../../core/action.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { Held, Outcome } from "../../core/outcome.ts";
import { checkRecord } from "../../pipeline/check-record.ts";
import { answerOf, invalid } from "./answer.ts";
import { type CallArguments, contextOf, payloadOf } from "./call.ts";
import { question } from "./question.ts";
import { CALL_PROPERTIES, OUTCOME, object } from "./schemas.ts";
import type { GuardTool, PersonSays, ToolCall } from "./tool.ts";

type Call = ToolCall<CallArguments>;

export const safeExecute: GuardTool = {
  tool: {
    name: "safe_execute",
    title: "Do it, and not twice",
    description:
      "Does something in the outside world (a payment, an email, an order, a deletion) so that repeating the call does not do it again. " +
      "If you are not sure whether an earlier call went through, call with the same arguments, or ask get_receipt: the answer is what became of the first one. " +
      "Only status `executed` or `replayed` means that it is done. With any other status follow `next`: usually do not call again, ask get_receipt. " +
      "Never do the same thing through another tool because this one has not answered `executed`.",
    inputSchema: object(CALL_PROPERTIES, ["action"]),
    outputSchema: OUTCOME,
    // The same arguments have no further effect: that is what this tool is for.
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
  },
  run: (call: Call) => run(call),
};

async function run(call: Call): Promise<CallToolResult | InputRequiredResult> {
  const { arguments: given, runtime } = call;
  if (runtime.external.has(given.action)) {
    return invalid(
      `"${given.action}" is done by the host itself: claim it, do it, then complete it.`,
      "unknown_action",
    );
  }
  await checkRecord(runtime.actions.get(given.action), given);
  const outcome = await execute(call);
  if (outcome.status !== "held" || outcome.waitsFor !== "approval" || outcome.receipt === null) {
    return answerOf(runtime, outcome);
  }
  return ask(call, outcome);
}

function execute(call: Call, context: CallContext = contextOf(call)): Promise<Outcome> {
  const { guard } = call.runtime;
  return guard.execute(call.arguments.action as never, payloadOf(call.arguments) as never, context);
}

/** The person at the host is asked, where there is one; otherwise it stays held, and somebody decides elsewhere. */
async function ask(call: Call, held: Held): Promise<CallToolResult | InputRequiredResult> {
  const { runtime, askPerson } = call;
  if (askPerson === null || held.receipt === null) return answerOf(runtime, held);
  const { requestId, version } = held.receipt;
  const { action } = call.arguments;
  const message = question(held, {
    action,
    riskTier: runtime.actions.get(action)?.riskTier,
    given: payloadOf(call.arguments),
  });
  const answer = await askPerson({ requestId, version, message });
  if (isInputRequiredResult(answer)) return answer;
  return answerOf(runtime, await decided(call, held, answer));
}

async function decided(call: Call, held: Held, { says, version }: PersonSays): Promise<Outcome> {
  const { guard, principal } = call.runtime;
  if (says === "nothing") return held;
  const by = {
    actor: `person at ${principal.name}`,
    reason: says === "yes" ? "approved at the host (elicitation)" : "declined at the host (elicitation)",
    // What was decided on, and only once: the decision itself moves the record on.
    expectedVersion: version,
    tenant: principal.tenant,
  };
  try {
    if (says === "yes") await guard.approve(held.requestId, by);
    else await guard.deny(held.requestId, by);
  } catch (error) {
    // Somebody else has decided meanwhile, or this very answer was given before: the record says what holds.
    if (!(error instanceof OnceguardError) || !MOVED_ON.has(error.code)) throw error;
  }
  // Not the signal of the question: a person has taken their time, and the caller may have had to be answered by then.
  return execute(call);
}

const MOVED_ON: ReadonlySet<string> = new Set(["version_conflict", "not_resolvable"]);
