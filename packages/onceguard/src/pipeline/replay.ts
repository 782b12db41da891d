import type { Action } from "../core/action.ts";
import { attributionOf, causeOfRepeat } from "../core/attribution.ts";
import { lineOf } from "../core/log-line.ts";
import { mismatch, type Outcome, outcomeOf } from "../core/outcome.ts";
import type { Receipt } from "../core/receipt.ts";
import { goOn, type Runtime } from "./runtime.ts";

/** The record stands for another intent. The fingerprint covers the action's name, too. */
export function isMismatch(receipt: Receipt, action: Action): boolean {
  // Under a key that has been destroyed since, nothing can be compared: it is known by its id, and never executes again.
  const isErased = receipt.payload === null && receipt.keyId !== null && receipt.keyId !== action.keyId;
  return receipt.fingerprint !== action.fingerprint && !isErased;
}

/** Replay: the answer from the record, for a call that made no attempt of its own. */
export function replay<Result>(runtime: Runtime, receipt: Receipt, action: Action): Outcome<Result> {
  if (isMismatch(receipt, action)) return mismatch(action.requestId);
  if (receipt.payload !== null && receipt.payload !== action.recorded) recordDrift(runtime, receipt, action);
  return outcomeOf<Result>(receipt);
}

/** Same effect, other prose: the mark of a model that planned anew. Recorded, not refused. */
function recordDrift(runtime: Runtime, receipt: Receipt, action: Action): void {
  const detail = JSON.stringify({ fields: action.definition.volatile });
  const line = lineOf(receipt, "drift", { detail }, attributionOf(action, causeOfRepeat(receipt, action)));
  goOn(runtime, runtime.background, runtime.store.append(line));
}
