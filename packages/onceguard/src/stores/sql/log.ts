import type { LogQuery, NewLogEntry } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { LOG_COLUMNS, logValues } from "../log-row.ts";
import type { Dialect, Query, SqlValue, Steps } from "./steps.ts";

const COLUMNS = LOG_COLUMNS.join(", ");
const PLACES = LOG_COLUMNS.map(() => "?").join(", ");

/** Appends one line to the log. */
export function* appendLog(dialect: Dialect, entry: NewLogEntry, at: number): Steps<void> {
  const [column, place, values] = dialect.linksLog
    ? [", request", `, (${requestRow(dialect)})`, [entry.requestId, entry.tenant]]
    : ["", "", []];
  yield {
    text: `INSERT INTO ${dialect.table("log")} (${COLUMNS}, at${column}) VALUES (${PLACES}, ?${place}) RETURNING 1`,
    values: [...logValues(entry), at, ...values],
  };
}

function requestRow(dialect: Dialect): string {
  return `SELECT id FROM ${dialect.table("request")} WHERE request_id = ? AND tenant = ?`;
}

/** The lines of one request, whatever the index that has them. Takes request id and tenant, for each of its two places. */
export function linesOf(dialect: Dialect): { readonly where: string; readonly places: 1 | 2 } {
  const named = "request_id = ? AND tenant = ?";
  // A line from before there was a record has no link, also when a record came to be later.
  return dialect.linksLog
    ? { where: `(request IN (${requestRow(dialect)}) OR (request IS NULL AND ${named}))`, places: 2 }
    : { where: named, places: 1 };
}

export function historyQuery(dialect: Dialect, tenant: string, requestId: string): Query {
  const { where, places } = linesOf(dialect);
  return {
    text: `SELECT seq, ${COLUMNS}, at FROM ${dialect.table("log")} WHERE ${where} ORDER BY seq`,
    values: twice(places, requestId, tenant),
  };
}

function twice(places: 1 | 2, requestId: string, tenant: string): string[] {
  return places === 2 ? [requestId, tenant, requestId, tenant] : [requestId, tenant];
}

/** With the payload and the result of a request goes what the log has of its record: the states are data as they are. */
export function forgetStatesQuery(
  dialect: Dialect,
  { tenant, requestId }: Pick<Receipt, "tenant" | "requestId">,
): Query {
  const { where, places } = linesOf(dialect);
  return {
    text: `UPDATE ${dialect.table("log")} SET state_before = NULL, state_after = NULL
WHERE ${where} AND (state_before IS NOT NULL OR state_after IS NOT NULL) RETURNING 1`,
    values: twice(places, requestId, tenant),
  };
}

/** Fields of a query that have to be equal, and their columns. */
const EQUAL = {
  tenant: "tenant",
  requestId: "request_id",
  action: "action",
  recordId: "record_id",
  runId: "run_id",
  actor: "actor",
  hostScope: "host_scope",
  hostCallId: "host_call_id",
  traceId: "trace_id",
  cause: "cause",
} as const satisfies Partial<Record<keyof LogQuery, string>>;

export function searchLogQuery(dialect: Dialect, query: LogQuery): Query {
  const { events, since, until, after, order = "newest", limit } = query;
  const where: string[] = [];
  const values: SqlValue[] = [];
  const is = (condition: string, ...given: SqlValue[]): void => {
    where.push(condition);
    values.push(...given);
  };
  for (const [field, column] of Object.entries(EQUAL) as [keyof typeof EQUAL, string][]) {
    const value = query[field];
    if (value === null) is(`${column} IS NULL`);
    else if (value !== undefined) is(`${column} = ?`, value);
  }
  if (events !== undefined) is(`event IN (${events.map(() => "?").join(", ") || "NULL"})`, ...events);
  if (since !== undefined) is("at >= ?", since);
  if (until !== undefined) is("at < ?", until);
  if (after !== undefined) is(`seq ${order === "oldest" ? ">" : "<"} ?`, after);
  if (dialect.linksLog && typeof query.requestId === "string") {
    // By its name alone no index finds a line that has a link.
    const { requestId } = query;
    const ids = `SELECT id FROM ${dialect.table("request")} WHERE request_id = ?`;
    is(`(request IN (${ids}) OR (request IS NULL AND request_id = ?))`, requestId, requestId);
  }
  const condition = where.length > 0 ? `WHERE ${where.join(" AND ")}` : "";
  return {
    text: `SELECT seq, ${COLUMNS}, at FROM ${dialect.table("log")} ${condition}
ORDER BY seq ${order === "oldest" ? "ASC" : "DESC"} LIMIT ?`,
    values: [...values, limit],
  };
}
