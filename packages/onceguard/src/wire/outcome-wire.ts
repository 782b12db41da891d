import type { Outcome } from "../core/outcome.ts";
import type { Receipt } from "../core/receipt.ts";
import { failureOnWire, haltOnWire, receiptSummary } from "./wire.ts";

type Wire = Record<string, unknown>;

/** An outcome in JSON, without words of what to do next: those depend on who reads it. */
export function outcomeOnWire(outcome: Outcome): Wire {
  const { status, requestId, receipt } = outcome;
  return {
    status,
    request_id: requestId,
    ...(receipt && { receipt: shortReceiptOnWire(receipt) }),
    ...particulars(outcome),
  };
}

function particulars(outcome: Outcome): Wire {
  switch (outcome.status) {
    case "executed":
    case "replayed":
      return {
        ...(outcome.result === undefined ? {} : { result: outcome.result }),
        ...(outcome.omitted === undefined ? {} : { result_omitted: outcome.omitted }),
      };
    case "in_doubt":
      return {
        retry_after_ms: outcome.retryAfterMs,
        ...(outcome.failure && { failure: failureOnWire(outcome.failure) }),
        ...(outcome.result === undefined ? {} : { result: outcome.result }),
      };
    case "in_progress":
    case "retry_later":
      return { retry_after_ms: outcome.retryAfterMs };
    case "held": {
      const { waitsFor, caseId, reasons, retryAfterMs } = outcome;
      return { retry_after_ms: retryAfterMs, waits_for: waitsFor, ...(caseId && { case_id: caseId }), reasons };
    }
    case "review":
      return {
        reason: outcome.reason,
        route: outcome.route,
        ...(outcome.failure && { failure: failureOnWire(outcome.failure) }),
      };
    case "failed":
      return { failure: failureOnWire(outcome.failure) };
    case "halted":
      return { reason: outcome.reason, halt: haltOnWire(outcome.halt) };
    case "unavailable":
      return { reason: outcome.reason, retry_after_ms: outcome.retryAfterMs };
    default:
      return { reason: outcome.reason };
  }
}

/** Without what is empty, without what an outcome says anyway, and without whose it is: the reader knows who they are. */
export function shortReceiptOnWire(receipt: Receipt): Wire {
  const { failure: _failure, hold: _hold, tenant: _tenant, serialized: _serialized, ...rest } = receiptSummary(receipt);
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== false));
}
