import type { Cause } from "../core/attribution.ts";
import type { LogEntry, NewLogEntry } from "../core/ports.ts";
import type { State } from "../core/receipt.ts";

type Int = number | bigint | string;
type Text = string | null;

/** A row of the log, as `receipt-row.ts` has those of the request table. */
export interface LogRow {
  readonly seq: Int;
  readonly tenant: string;
  readonly request_id: Text;
  readonly event: string;
  readonly action: Text;
  readonly record_id: Text;
  readonly run_id: Text;
  readonly actor: Text;
  readonly host_scope: Text;
  readonly host_call_id: Text;
  readonly trace_id: Text;
  readonly cause: Text;
  readonly state: Text;
  readonly version: Int;
  readonly fencing_token: Int;
  readonly attempt_number: Int;
  readonly state_before: Text;
  readonly state_after: Text;
  readonly detail: Text;
  readonly at: Int;
}

/** What an entry is appended with, besides its time; its place comes from the database. */
export const LOG_COLUMNS: readonly (keyof LogRow)[] = [
  "tenant",
  "request_id",
  "event",
  "action",
  "record_id",
  "run_id",
  "actor",
  "host_scope",
  "host_call_id",
  "trace_id",
  "cause",
  "state",
  "version",
  "fencing_token",
  "attempt_number",
  "state_before",
  "state_after",
  "detail",
];

/** In the order of LOG_COLUMNS. */
export function logValues(entry: NewLogEntry): (string | number | null)[] {
  return [
    entry.tenant,
    entry.requestId,
    entry.event,
    entry.action,
    entry.recordId,
    entry.runId,
    entry.actor,
    entry.hostScope,
    entry.hostCallId,
    entry.traceId,
    entry.cause,
    entry.state,
    entry.version,
    entry.fencingToken,
    entry.attemptNumber,
    entry.before,
    entry.after,
    entry.detail,
  ];
}

export function logEntryOf(row: LogRow): LogEntry {
  return {
    seq: Number(row.seq),
    tenant: row.tenant,
    requestId: row.request_id,
    event: row.event,
    action: row.action,
    recordId: row.record_id,
    runId: row.run_id,
    actor: row.actor,
    hostScope: row.host_scope,
    hostCallId: row.host_call_id,
    traceId: row.trace_id,
    cause: row.cause as Cause | null,
    state: row.state as State | null,
    version: Number(row.version),
    fencingToken: Number(row.fencing_token),
    attemptNumber: Number(row.attempt_number),
    before: row.state_before,
    after: row.state_after,
    detail: row.detail,
    at: Number(row.at),
  };
}
