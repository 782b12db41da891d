import type { Action } from "../core/action.ts";
import type { Claim } from "../core/claim.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Receipt } from "../core/receipt.ts";
import { type Attempt, execute } from "./execute.ts";
import { isUnavailable, persist } from "./persist.ts";
import { recordLate, recordReceipt } from "./record-receipt.ts";
import { goOn, type Runtime } from "./runtime.ts";
import { settleDependents } from "./settle-dependents.ts";
import { spill } from "./spill.ts";
import { attemptInTransaction } from "./transact.ts";

/** Executes and records. The outcome `in_doubt` when the effect answered and the store did not take the answer. */
export async function attempt(
  runtime: Runtime,
  granted: Claim,
  action: Action,
  askedAt: number,
): Promise<Receipt | Outcome> {
  if (action.definition.transaction) {
    const receipt = await attemptInTransaction(runtime, granted, action, askedAt);
    await settleDependents(runtime, receipt);
    return receipt;
  }
  const { claim: ready, attempt: made } = await execute(runtime, granted, action, askedAt);
  const recorded = recordReceipt(runtime, ready, action.definition, made);
  if (made.kind === "interrupted") goOn(runtime, runtime.late, keepLate(runtime, ready, action, made.late, recorded));
  try {
    const receipt = await recorded;
    await settleDependents(runtime, receipt);
    return receipt;
  } catch (error) {
    // Whatever is wrong with the store: an exception after the dispatch would hide that it may have happened.
    if (!isUnavailable(error)) runtime.report(error);
    await spill(runtime, ready, made, action.definition);
    return unrecorded(ready, made);
  }
}

/** What the effect answers after its time is evidence all the same. */
async function keepLate(
  runtime: Runtime,
  granted: Claim,
  action: Action,
  late: Promise<Attempt>,
  recorded: Promise<Receipt>,
): Promise<void> {
  const { tenant, requestId } = granted.receipt;
  const answered = await late;
  await recorded.catch(() => undefined); // first the doubt, then what settles it
  if (runtime.isClosed()) return spill(runtime, granted, answered, action.definition);
  try {
    const current = await persist(runtime, runtime.graceMs, () => runtime.store.find(tenant, requestId));
    if (current) await recordLate(runtime, granted, current, answered, action.definition);
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    await spill(runtime, granted, answered, action.definition);
  }
}

function unrecorded(granted: Claim, made: Attempt): Outcome {
  const { receipt } = granted;
  return {
    status: "in_doubt",
    requestId: receipt.requestId,
    receipt,
    since: null,
    failure: made.kind === "failure" ? made.failure : null,
    next: "The effect was dispatched and the store could not record its outcome. Do not call again: ask for the receipt.",
    retryAfterMs: 1_000,
    ...(made.kind === "success" ? { result: made.value } : {}),
  };
}
