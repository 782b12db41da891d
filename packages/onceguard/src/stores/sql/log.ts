import type { LogEntry } from "../../core/ports.ts";
import type { Dialect, Steps } from "./steps.ts";

/** Appends one line to a request's history. */
export function* appendLog(dialect: Dialect, entry: LogEntry): Steps<void> {
  const log = dialect.table("log");
  const { tenant, requestId, event, state, version, fencingToken, attemptNumber, actor, detail, at } = entry;
  const columns = "tenant, request_id, event, state, version, fencing_token, attempt_number, actor, detail, at";
  const values = [tenant, requestId, event, state, version, fencingToken, attemptNumber, actor, detail, at];
  yield dialect.logNeedsPlace
    ? {
        text: `INSERT INTO ${log} (${columns}, seq)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, COALESCE(MAX(seq), 0) + 1 FROM ${log} WHERE request_id = ? AND tenant = ? RETURNING 1`,
        values: [...values, requestId, tenant],
      }
    : { text: `INSERT INTO ${log} (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING 1`, values };
}
