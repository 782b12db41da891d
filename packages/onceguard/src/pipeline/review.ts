import { OnceguardError } from "../core/errors.ts";
import { isRefusal, type LifecycleEvent, transition } from "../core/lifecycle.ts";
import type { Receipt } from "../core/receipt.ts";
import { checkRequestId } from "../core/request-id.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";
import { storedResult } from "./stored-result.ts";

/** A person's decision about a request whose outcome no machine could settle. */
export interface Decision {
  /** `happened` and `did_not_happen` settle it; `retry` says it did not happen and has it executed again. */
  readonly decision: "happened" | "did_not_happen" | "retry";
  readonly actor: string;
  /** Why, in words; kept in the log. */
  readonly reason: string;
  /** The version the decision was made on. When the record has moved since, the decision is refused. */
  readonly expectedVersion?: number;
  /** With `happened`: the result that replays will answer. */
  readonly result?: unknown;
  readonly tenant?: string;
}

/**
 * Settles a request in review (row 16). One in doubt is taken into review first (row 15): a person need not wait for
 * the machine to give up.
 *
 * @throws OnceguardError `receipt_not_found` | `version_conflict` | `not_resolvable` | `missing_reason`
 */
export async function resolve(
  runtime: Runtime,
  tenant: string,
  requestId: string,
  decision: Decision,
): Promise<Receipt> {
  requireReason(decision.actor, decision.reason);
  let receipt = await found(runtime, tenant, requestId);
  requireVersion(receipt, decision.expectedVersion);
  if (receipt.state === "in_doubt") {
    receipt = await decide(runtime, receipt, { type: "give_up", reason: "taken_by_a_person", route: "operator" });
  }
  return decide(runtime, receipt, {
    type: "resolve",
    decision: decision.decision,
    result: storedResult(decision.result, runtime.maxResultBytes),
    actor: decision.actor,
    reason: decision.reason,
  });
}

/**
 * Has a failed request tried again, under a new downstream key (row 19).
 *
 * @throws OnceguardError `receipt_not_found` | `version_conflict` | `not_resolvable` | `missing_reason`
 */
export async function reopen(
  runtime: Runtime,
  tenant: string,
  requestId: string,
  by: { readonly actor: string; readonly reason: string; readonly expectedVersion?: number },
): Promise<Receipt> {
  requireReason(by.actor, by.reason);
  const receipt = await found(runtime, tenant, requestId);
  requireVersion(receipt, by.expectedVersion);
  return decide(runtime, receipt, { type: "reopen", actor: by.actor, reason: by.reason });
}

async function found(runtime: Runtime, tenant: string, requestId: string): Promise<Receipt> {
  const receipt = await persist(runtime, runtime.storeTimeoutMs, () =>
    runtime.store.find(tenant, checkRequestId(requestId)),
  );
  if (receipt) return receipt;
  throw new OnceguardError("receipt_not_found", `There is no receipt for request id "${requestId}".`, {
    tenant,
    requestId,
  });
}

async function decide(runtime: Runtime, receipt: Receipt, event: LifecycleEvent): Promise<Receipt> {
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
  if (answer.kind === "applied") return answer.receipt;
  throw versionConflict(requestId, version, answer.receipt?.version ?? null);
}

function requireVersion(receipt: Receipt, expected: number | undefined): void {
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

function requireReason(actor: string, reason: string): void {
  if (actor?.trim() && reason?.trim() && !`${actor}${reason}`.includes("\u0000")) return;
  throw new OnceguardError(
    "missing_reason",
    "A decision needs an actor and a reason in words; both are kept in the log.",
  );
}
