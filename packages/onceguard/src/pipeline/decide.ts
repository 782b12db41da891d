import { OnceguardError } from "../core/errors.ts";
import { isRefusal, type LifecycleEvent, transition } from "../core/lifecycle.ts";
import type { Receipt } from "../core/receipt.ts";
import { checkRequestId } from "../core/request-id.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";
import { settleDependents } from "./settle-dependents.ts";

/** @throws OnceguardError `receipt_not_found` */
export async function found(runtime: Runtime, tenant: string, requestId: string): Promise<Receipt> {
  const receipt = await persist(runtime, runtime.storeTimeoutMs, () =>
    runtime.store.find(tenant, checkRequestId(requestId)),
  );
  if (receipt) return receipt;
  throw new OnceguardError("receipt_not_found", `There is no receipt for request id "${requestId}".`, {
    tenant,
    requestId,
  });
}

/**
 * Applies what a person has decided.
 *
 * @throws OnceguardError `not_resolvable` where the lifecycle does not allow it | `version_conflict`
 */
export async function decide(runtime: Runtime, receipt: Receipt, event: LifecycleEvent): Promise<Receipt> {
  const { requestId, state, version } = receipt;
  const change = transition(receipt, event, runtime.randomness.token());
  if (isRefusal(change)) {
    throw new OnceguardError(
      "not_resolvable",
      `Request "${requestId}" is ${state}; ${event.type} does not apply there.`,
      { requestId, state, event: event.type },
    );
  }
  const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.apply(change));
  if (answer.kind === "applied") {
    await settleDependents(runtime, answer.receipt);
    return answer.receipt;
  }
  throw versionConflict(requestId, version, answer.receipt?.version ?? null);
}

/** @throws OnceguardError `version_conflict` */
export function requireVersion(receipt: Receipt, expected: number | undefined): void {
  if (expected === undefined || expected === receipt.version) return;
  throw versionConflict(receipt.requestId, expected, receipt.version);
}

function versionConflict(requestId: string, expected: number, actual: number | null): OnceguardError {
  return new OnceguardError(
    "version_conflict",
    `Request "${requestId}" has moved on: the decision was made on version ${expected}, it is now ${actual ?? "gone"}. Look again, then decide.`,
    { requestId, expected, actual },
  );
}

/** @throws OnceguardError `missing_reason` */
export function requireReason(actor: string, reason: string): void {
  if (actor?.trim() && reason?.trim() && !`${actor}${reason}`.includes("\u0000")) return;
  throw new OnceguardError(
    "missing_reason",
    "A decision needs an actor and a reason in words; both are kept in the log.",
  );
}
