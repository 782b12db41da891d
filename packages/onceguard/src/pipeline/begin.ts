import type { Action } from "../core/action.ts";
import type { Start } from "../core/claim.ts";
import { cancelled, halted, mismatch, notItsTurn, type Outcome, skipped } from "../core/outcome.ts";
import type { ClaimAnswer } from "../core/ports.ts";
import type { Receipt } from "../core/receipt.ts";
import { attempt } from "./attempt.ts";
import { claim } from "./claim.ts";
import type { Patience } from "./flight.ts";
import { isMismatch } from "./replay.ts";
import type { Runtime } from "./runtime.ts";
import { performInTransaction } from "./transact.ts";

/** How often a record is looked at that somebody else has: at first, and at last, in ms. */
export const FIRST_POLL_MS = 2;
export const LONGEST_POLL_MS = 100;

/** The newest state of a record that has been seen, also by whoever sees the work on it fail. */
export interface LastKnown {
  receipt: Receipt;
  /** The fencing token of the last attempt that this call has made itself; null when it has made none. */
  attempted: number | null;
}

/** The claim, and where it is ours the first attempt; or the answer where there is nothing to follow. */
export async function begin(
  runtime: Runtime,
  action: Action,
  start: Start,
  patience: Patience,
): Promise<LastKnown | Outcome> {
  const { requestId, definition } = action;
  let left: AbortSignal | null = null;
  for (let poll = FIRST_POLL_MS; ; poll = Math.min(poll * 2, LONGEST_POLL_MS)) {
    const askedAt = runtime.clock.monotonicMs();
    const inOneCommit = definition.transaction && start.state === "running";
    const answer = inOneCommit
      ? await performInTransaction(runtime, action, start)
      : await claim(runtime, action, start);
    switch (answer.kind) {
      case "done":
        return { receipt: answer.receipt, attempted: answer.receipt.fencingToken };
      case "claimed": {
        const attempted = await attempt(runtime, answer.claim, action, askedAt);
        if ("status" in attempted) return attempted;
        return { receipt: attempted, attempted: answer.claim.receipt.fencingToken };
      }
      case "busy":
        // Whoever leaves gives up the turn that it waits for: nothing was sent, and nothing will be.
        if (patience.signal?.aborted) return cancelled(requestId);
        // In order of arrival: asking again keeps the place in the record's queue.
        if (askedAt + poll > patience.until || runtime.closing.aborted) return notItsTurn(requestId, answer.recordId);
        left ??= patience.signal ? AbortSignal.any([runtime.closing, patience.signal]) : runtime.closing;
        await runtime.clock.sleep(poll, left);
        continue;
      default:
        return known(action, answer);
    }
  }
}

/** What a claim is answered with that makes nothing ours. */
function known(action: Action, answer: Exclude<ClaimAnswer, { kind: "claimed" | "busy" }>): LastKnown | Outcome {
  const { requestId } = action;
  switch (answer.kind) {
    case "exists":
      if (isMismatch(answer.receipt, action)) return mismatch(requestId);
      if (answer.halt) return halted(requestId, answer.halt, answer.receipt);
      return { receipt: answer.receipt, attempted: null };
    case "recorded":
      return { receipt: answer.receipt, attempted: null };
    case "halted":
      return halted(requestId, answer.halt, null);
    case "skipped":
      return skipped(requestId, answer.earlier);
    case "new_epoch":
      throw new Error("a claim in a new epoch is asked again as a question");
  }
}
