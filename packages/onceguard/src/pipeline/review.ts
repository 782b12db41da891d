import type { Receipt } from "../core/receipt.ts";
import { decide, found, requireReason, requireVersion } from "./decide.ts";
import type { Runtime } from "./runtime.ts";
import { storedResult } from "./stored-result.ts";
import { privacyOf } from "./under-key.ts";

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
    result: storedResult(decision.result, runtime.maxResultBytes, privacyOf(runtime, receipt.action)),
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
