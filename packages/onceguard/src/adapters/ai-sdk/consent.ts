import type { Held } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { type Approver, decideFromHost } from "../host-approval.ts";
import { userApproval } from "./approval-parts.ts";
import type { AiApproval, AiToolCall } from "./options.ts";

/**
 * Records the yes of the chat's user as an approval of just this request. (After a no the SDK does not come here.)
 *
 * @returns whether it is worth while to run the request once more
 */
export async function consent(
  guard: Guard,
  held: Held,
  call: AiToolCall,
  approver: Approver<AiApproval> | undefined,
): Promise<boolean> {
  const said = userApproval(call.messages, call.toolCallId);
  if (!said?.approved) return false;
  const { approvalId } = said;
  const { requestId, reasons } = held;
  const approval = { ...call, approvalId, requestId, reasons };
  const reason = `approved in the chat (${approvalId})`;
  return decideFromHost(guard, held, approver, approval, { approve: true, reason });
}
