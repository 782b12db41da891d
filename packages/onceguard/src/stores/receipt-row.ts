import type { Failure, Route } from "../core/failure.ts";
import type { Hold } from "../core/hold.ts";
import type { RiskTier } from "../core/policy.ts";
import type { Capability, Evidence, Expected, Receipt, State, StoredResult } from "../core/receipt.ts";
import type { KeySource } from "../core/request-id.ts";

/** An integer as a driver gives it: SQLite as a number, `pg` as text, booleans in SQLite as 0 and 1. */
type Int = number | bigint | string;

/** A row of the request table: snake_case here, camelCase in the core, converted at this one place. */
export interface ReceiptRow {
  readonly tenant: string;
  readonly request_id: string;
  readonly explicit_id: string | null;
  readonly action: string;
  readonly record_id: string | null;
  readonly risk_tier: string;
  readonly capability: string;
  readonly key_source: string;
  readonly fingerprint: string;
  readonly payload: string | null;
  readonly run_id: string | null;
  readonly actor: string | null;
  readonly host_scope: string | null;
  readonly host_call_id: string | null;
  readonly trace_id: string | null;
  readonly amount: Int | null;
  readonly serialized: boolean | Int;
  readonly case_id: string | null;
  readonly expected: string | null;
  readonly key_id: string | null;
  readonly state: string;
  readonly conflict: boolean | Int;
  readonly may_have_applied: boolean | Int;
  readonly fencing_token: Int;
  readonly generation: Int;
  readonly attempt_number: Int;
  readonly version: Int;
  readonly owner_token: string;
  readonly result: string | null;
  readonly result_omitted: string | null;
  readonly failure: string | null;
  readonly evidence: string | null;
  readonly reason: string | null;
  readonly route: string | null;
  readonly hold: string | null;
  readonly dispatched: boolean | Int | null;
  readonly created_at: Int;
  readonly updated_at: Int;
  readonly generation_at: Int;
  readonly attempt_ended_at: Int | null;
  readonly due_at: Int | null;
}

export const RECEIPT_COLUMNS: readonly (keyof ReceiptRow)[] = [
  "tenant",
  "request_id",
  "explicit_id",
  "action",
  "record_id",
  "risk_tier",
  "capability",
  "key_source",
  "fingerprint",
  "payload",
  "run_id",
  "actor",
  "host_scope",
  "host_call_id",
  "trace_id",
  "amount",
  "serialized",
  "case_id",
  "expected",
  "key_id",
  "state",
  "conflict",
  "may_have_applied",
  "fencing_token",
  "generation",
  "attempt_number",
  "version",
  "owner_token",
  "result",
  "result_omitted",
  "failure",
  "evidence",
  "reason",
  "route",
  "hold",
  "dispatched",
  "created_at",
  "updated_at",
  "generation_at",
  "attempt_ended_at",
  "due_at",
];

/** The record as read at `now`, by the store's clock. */
export function receiptOf(row: ReceiptRow, now: number): Receipt {
  return {
    tenant: row.tenant,
    requestId: row.request_id,
    explicitId: row.explicit_id,
    action: row.action,
    recordId: row.record_id,
    riskTier: row.risk_tier as RiskTier,
    capability: row.capability as Capability,
    keySource: row.key_source as KeySource,
    fingerprint: row.fingerprint,
    payload: row.payload,
    runId: row.run_id,
    actor: row.actor,
    hostScope: row.host_scope,
    hostCallId: row.host_call_id,
    traceId: row.trace_id,
    amount: row.amount === null ? null : Number(row.amount),
    serialized: Boolean(row.serialized),
    caseId: row.case_id,
    expected: row.expected === null ? null : (JSON.parse(row.expected) as Expected),
    keyId: row.key_id,
    state: row.state as State,
    conflict: Boolean(row.conflict),
    mayHaveApplied: Boolean(row.may_have_applied),
    fencingToken: Number(row.fencing_token),
    generation: Number(row.generation),
    attemptNumber: Number(row.attempt_number),
    version: Number(row.version),
    result: resultFrom(row),
    failure: row.failure === null ? null : (JSON.parse(row.failure) as Failure),
    evidence: row.evidence as Evidence | null,
    reason: row.reason,
    route: row.route as Route | null,
    hold: row.hold === null ? null : (JSON.parse(row.hold) as Hold),
    dispatched: row.dispatched === null ? null : Boolean(row.dispatched),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    generationAt: Number(row.generation_at),
    attemptEndedAt: row.attempt_ended_at === null ? null : Number(row.attempt_ended_at),
    dueAt: row.due_at === null ? null : Number(row.due_at),
    readAt: now,
  };
}

function resultFrom(row: ReceiptRow): StoredResult | null {
  if (row.result !== null) return { json: row.result };
  return row.result_omitted === null ? null : { omitted: row.result_omitted };
}

/** The two columns of a result. */
export function resultColumns(result: StoredResult | null): { json: string | null; omitted: string | null } {
  if (result === null) return { json: null, omitted: null };
  return "json" in result ? { json: result.json, omitted: null } : { json: null, omitted: result.omitted };
}

type Column = string | number | boolean | null;

/** The record as a row, in the order of RECEIPT_COLUMNS. */
export function receiptValues(receipt: Receipt, ownerToken: string): Column[] {
  const { json, omitted } = resultColumns(receipt.result);
  return [
    receipt.tenant,
    receipt.requestId,
    receipt.explicitId,
    receipt.action,
    receipt.recordId,
    receipt.riskTier,
    receipt.capability,
    receipt.keySource,
    receipt.fingerprint,
    receipt.payload,
    receipt.runId,
    receipt.actor,
    receipt.hostScope,
    receipt.hostCallId,
    receipt.traceId,
    receipt.amount,
    receipt.serialized,
    receipt.caseId,
    receipt.expected && JSON.stringify(receipt.expected),
    receipt.keyId,
    receipt.state,
    receipt.conflict,
    receipt.mayHaveApplied,
    receipt.fencingToken,
    receipt.generation,
    receipt.attemptNumber,
    receipt.version,
    ownerToken,
    json,
    omitted,
    receipt.failure && JSON.stringify(receipt.failure),
    receipt.evidence,
    receipt.reason,
    receipt.route,
    receipt.hold && JSON.stringify(receipt.hold),
    receipt.dispatched,
    receipt.createdAt,
    receipt.updatedAt,
    receipt.generationAt,
    receipt.attemptEndedAt,
    receipt.dueAt,
  ];
}
