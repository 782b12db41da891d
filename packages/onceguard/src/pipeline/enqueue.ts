import type { Action } from "../core/action.ts";
import type { Start } from "../core/claim.ts";
import { halted, mismatch, notItsTurn, type Outcome, outcomeOf, skipped } from "../core/outcome.ts";
import type { Judgement } from "../core/policy.ts";
import { claim, claimRequest } from "./claim.ts";
import { startOf } from "./intake.ts";
import { isMismatch, replay } from "./replay.ts";
import type { Runtime } from "./runtime.ts";
import { joinedTransaction } from "./transact.ts";

/**
 * The outbox: the request is recorded, in the caller's transaction where there is one, and nothing is sent. A sweeper
 * finds it once that is committed, and carries it out like a retry that is due.
 */
export async function enqueueRequest(runtime: Runtime, action: Action, judgement: Judgement): Promise<Outcome> {
  const { requestId } = action;
  const now = startOf(runtime, action, judgement);
  const start: Start = now.state === "running" ? { state: "retry_wait" } : now;
  const answer =
    action.tx === undefined
      ? await claim(runtime, action, start)
      : await joinedTransaction(runtime, action.tx).claim(
          claimRequest(runtime, action, start, runtime.randomness.token()),
        );
  switch (answer.kind) {
    case "claimed":
      throw new Error("an enqueued request does not run at once");
    case "recorded":
      return outcomeOf(answer.receipt);
    case "exists":
      if (isMismatch(answer.receipt, action)) return mismatch(requestId);
      return answer.halt ? halted(requestId, answer.halt, answer.receipt) : replay(runtime, answer.receipt, action);
    case "halted":
      return halted(requestId, answer.halt, null);
    case "skipped":
      return skipped(requestId, answer.earlier);
    case "busy":
      return notItsTurn(requestId, answer.recordId);
    case "new_epoch":
      throw new Error("what is not sent now is no question about the past");
  }
}
